// What pages do beyond standing still: copy, read plots closely, follow what is live, fill in the
// secret of a one-time link. Every page works without this file.
"use strict";
(() => {
  document.documentElement.classList.add("js");
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Copy.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it";
    }
    setTimeout(() => { button.textContent = before; }, 1600);
  });

  // The secret of a one-time link is behind the #, so that it is in no server's log.
  const secret = document.querySelector("[data-from-hash]");
  if (secret && location.hash.length > 1) {
    secret.value = decodeURIComponent(location.hash.slice(1));
    secret.closest(".field").hidden = true;
    history.replaceState(null, "", location.pathname);
  }

  // Menu, search and rooms by the keyboard.
  const isTyping = (target) => target.closest("input, select, textarea, [contenteditable]");
  const rooms = { o: "/", l: "/live", a: "/accounts", k: "/keys", g: "/grants", m: "/models", r: "/runs", c: "/ledger", s: "/settings" };
  let wasG = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && location.hash === "#menu") location.hash = "#main";
    if (isTyping(event.target)) return;
    if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) { search.focus(); search.select(); event.preventDefault(); }
    } else if (event.key === "g" && Date.now() - wasG > 1000) {
      wasG = Date.now();
    } else if (Date.now() - wasG <= 1000 && rooms[event.key]) {
      location.href = rooms[event.key];
    }
  });

  // Plots: the nearest point under the pointer, or the next one by the arrow keys.
  const SVG = "http://www.w3.org/2000/svg";
  const read = (figure) => {
    const svg = figure.querySelector("svg.shape");
    const rows = all("tbody tr", figure);
    const names = all("thead th", figure).slice(1).map((cell) => cell.textContent);
    const curves = all("[data-of]", figure);
    if (!rows.length || !svg) return;
    const isBars = "bars" in figure.dataset;
    const line = svg.appendChild(document.createElementNS(SVG, "line"));
    line.setAttribute("class", "cursor");
    line.setAttribute("y1", "0");
    line.setAttribute("y2", "160");
    line.setAttribute("visibility", "hidden");
    const dots = isBars ? [] : curves.map((curve) => {
      const dot = svg.appendChild(document.createElementNS(SVG, "circle"));
      dot.setAttribute("class", "dot " + curve.getAttribute("class").replace("line", ""));
      dot.setAttribute("r", "3.5");
      dot.setAttribute("visibility", "hidden");
      const heights = [...curve.getAttribute("d").matchAll(/[ML][\d.]+ ([\d.]+)/g)].map((match) => match[1]);
      return { dot, heights };
    });
    const tip = figure.querySelector(".area").appendChild(document.createElement("div"));
    tip.className = "tip";
    tip.setAttribute("role", "status");
    tip.hidden = true;
    let at = rows.length - 1;
    // Steps of a run do not lie as far from each other as hours do: their rows say where.
    const isSteps = "steps" in figure.dataset;
    const share = (index) => {
      if (isSteps) return Number(rows[index].dataset.x);
      return isBars ? (index + 0.5) / rows.length : index / Math.max(rows.length - 1, 1);
    };
    const nearest = (part) => {
      if (!isSteps) return isBars ? Math.floor(part * rows.length) : Math.round(part * (rows.length - 1));
      const apart = rows.map((_, index) => Math.abs(share(index) - part));
      return apart.indexOf(Math.min(...apart));
    };
    const show = (index) => {
      at = Math.min(Math.max(index, 0), rows.length - 1);
      const cells = rows[at].cells;
      tip.replaceChildren();
      tip.appendChild(document.createElement("b")).textContent = cells[0].textContent + (isSteps ? "" : " UTC");
      names.forEach((name, place) => {
        tip.appendChild(document.createElement("div")).textContent = `${name}: ${cells[place + 1].textContent}`;
      });
      const percent = share(at) * 100 + "%";
      line.setAttribute("x1", percent);
      line.setAttribute("x2", percent);
      line.setAttribute("visibility", "visible");
      for (const { dot, heights } of dots) {
        dot.setAttribute("cx", percent);
        dot.setAttribute("cy", heights[at] ?? 0);
        dot.setAttribute("visibility", "visible");
      }
      tip.hidden = false;
      const box = svg.getBoundingClientRect();
      const room = figure.querySelector(".area").getBoundingClientRect();
      const x = box.left - room.left + share(at) * box.width;
      const left = x + 14 + tip.offsetWidth > room.width ? x - 14 - tip.offsetWidth : x + 14;
      tip.style.left = Math.max(left, 0) + "px";
    };
    const hide = () => {
      tip.hidden = true;
      line.setAttribute("visibility", "hidden");
      for (const { dot } of dots) dot.setAttribute("visibility", "hidden");
    };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      show(nearest((event.clientX - box.left) / box.width));
    });
    svg.addEventListener("pointerleave", () => { if (document.activeElement !== svg) hide(); });
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: rows.length - 1 };
      if (event.key === "Escape") hide();
      if (!(event.key in steps)) return;
      event.preventDefault();
      show(tip.hidden ? at : steps[event.key]);
    });
  };
  all("[data-plot]").forEach(read);

  // What goes on by itself is asked for again while somebody looks: the same page, whose moving part
  // is put in place of the old one. Not while a plot or a table in it is being read.
  if (document.querySelector("[data-moving]")) {
    const again = async () => {
      const began = Date.now();
      const part = document.querySelector("[data-moving]");
      if (!part) return;
      const isRead = part.querySelector("details[open]") || part.contains(document.activeElement) || part.querySelector(".tip:not([hidden])");
      if (!document.hidden && !isRead) {
        const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => undefined);
        if (answer?.redirected) { location.reload(); return; }
        const page = answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : undefined;
        const main = page?.querySelector("main");
        const now = main?.querySelector("[data-moving]");
        if (now) {
          part.replaceWith(document.adoptNode(now));
          all("[data-plot]", now).forEach(read);
        } else if (main) { location.reload(); return; }
      }
      // A page that takes long to make is asked for less often.
      setTimeout(again, Math.max(3000, 10 * (Date.now() - began)));
    };
    setTimeout(again, 3000);
  }

  // Live traffic: rows as they come, at most so many; paused, they wait.
  const live = document.querySelector("[data-live]");
  if (live && window.EventSource) {
    const body = live.querySelector("tbody");
    const state = document.querySelector("[data-live-state]");
    const pause = document.querySelector("[data-live-pause]");
    const template = live.querySelector("template");
    const most = 200;
    let waiting = [];
    let isPaused = false;
    const say = (text, kind) => { state.textContent = text; state.className = "live-dot " + kind; };
    let skipped = 0;
    const tell = () => {
      const more = (isPaused && waiting.length ? `, ${waiting.length} waiting` : "") + (skipped ? `, ${skipped.toLocaleString("en-GB")} skipped` : "");
      say((isPaused ? "Paused" : "Live") + more, isPaused ? "" : "on");
    };
    const put = (event) => {
      const row = template.content.firstElementChild.cloneNode(true);
      for (const cell of all("[data-field]", row)) {
        const value = event[cell.dataset.field];
        cell.textContent = value ?? "–";
        if (cell.dataset.mood !== undefined) cell.className = "badge " + (event.mood ?? "");
      }
      for (const link of all("a[data-href]", row)) {
        const value = event[link.dataset.key];
        if (value === undefined || value === null) link.removeAttribute("href");
        else link.href = link.dataset.href + encodeURIComponent(value);
      }
      row.classList.add("fresh");
      body.prepend(row);
      while (body.rows.length > most) body.lastElementChild.remove();
      document.querySelector("[data-live-empty]")?.remove();
    };
    const source = new EventSource(live.dataset.live);
    source.addEventListener("open", tell);
    source.addEventListener("error", () => say("Connection lost, trying again", "lost"));
    const take = (message) => {
      const event = shape(JSON.parse(message.data));
      if (!isPaused) { put(event); return; }
      waiting.push(event);
      if (waiting.length > most) waiting.shift();
      tell();
    };
    for (const name of ["exchange", "refusal"]) source.addEventListener(name, take);
    // More came at once than is sent one by one: the list has them.
    source.addEventListener("skipped", (message) => { skipped += JSON.parse(message.data).count; tell(); });
    const span = (micros) => micros == null ? "–" : micros < 1e6 ? `${(micros / 1e3).toFixed(1)} ms` : `${(micros / 1e6).toFixed(2)} s`;
    // As the page has them: cents, or two significant digits where there is less than one.
    const dollars = (text) => {
      const value = Number(text);
      const zeros = /\.(0*)/.exec(text)?.[1].length ?? 0;
      if (value > 0 && value < 0.01) return "$" + value.toFixed(Math.min(zeros + 2, 9));
      return "$" + value.toLocaleString("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
    };
    const words = (name) => (name ?? "").replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase());
    const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const stamp = (text) => `${Number(text.slice(8, 10))} ${months[Number(text.slice(5, 7)) - 1]} ${text.slice(11, 19)}`;
    function shape(event) {
      const isNothing = event.input_tokens == null && event.output_tokens == null;
      return {
        ...event,
        clock: stamp(event.time),
        ended: words(event.reason ?? event.outcome),
        first: span(event.first_byte_us),
        duration: span(event.duration_us),
        tokens: isNothing ? "–" : ((event.input_tokens ?? 0) + (event.output_tokens ?? 0)).toLocaleString("en-GB"),
        cost: event.dollars == null ? "–" : dollars(event.dollars),
        mood: event.status < 400 ? "ok" : event.status < 500 ? "warn" : "bad",
      };
    }
    pause.addEventListener("click", () => {
      isPaused = !isPaused;
      pause.textContent = isPaused ? "Go on" : "Pause";
      pause.setAttribute("aria-pressed", String(isPaused));
      if (!isPaused) { waiting.forEach(put); waiting = []; }
      tell();
    });
    addEventListener("pagehide", () => source.close());
  }

  // The check of the ledger, while it runs.
  const check = document.querySelector("[data-check]");
  if (check && window.EventSource) {
    const source = new EventSource(check.dataset.check);
    source.addEventListener("progress", (message) => {
      const seen = JSON.parse(message.data);
      const bar = check.querySelector("progress");
      bar.max = Math.max(seen.of, 1);
      bar.value = Math.min(seen.at, seen.of);
      check.querySelector("[data-at]").textContent = seen.at.toLocaleString("en-GB");
      check.querySelector("[data-of-all]").textContent = seen.of.toLocaleString("en-GB");
    });
    source.addEventListener("done", () => { source.close(); location.reload(); });
    addEventListener("pagehide", () => source.close());
  }

  // Long work: the button says so and can't be pressed twice.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.dataset.sent) { if (form.dataset.sent) event.preventDefault(); return; }
    form.dataset.sent = "1";
    const busy = form.querySelector("[data-busy]");
    if (busy) busy.hidden = false;
    setTimeout(() => all("button:not([name])", form).forEach((button) => { button.disabled = true; }), 0);
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of all("form[data-sent]")) {
      delete form.dataset.sent;
      all("button", form).forEach((button) => { button.disabled = false; });
    }
  });
})();
