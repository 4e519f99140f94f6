//! Reading answers: one connection's state, HTTP/1.1 framing, the mock's time stamps in SSE chunks,
//! and what is counted of them. No sockets here.
use gwkit::*;
use std::os::fd::RawFd;

#[derive(PartialEq, Clone, Copy)]
pub(crate) enum P {
    Head,
    Len(usize),
    Size,
    Data(usize),
    DataEnd(usize),
    Trailer,
    UntilClose,
}
pub(crate) struct Conn {
    pub(crate) fd: RawFd,
    pub(crate) busy: bool,
    pub(crate) t0: u64,
    pub(crate) r: Vec<u8>,
    pub(crate) pos: usize,
    pub(crate) p: P,
    pub(crate) line: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) first: u64,
    pub(crate) nchunk: u32,
    pub(crate) close: bool,
    pub(crate) wleft: usize,
    pub(crate) done: bool,
    pub(crate) body_keep: Vec<u8>,
}

#[derive(Default)]
pub(crate) struct Out {
    pub(crate) lat: Vec<u64>,
    pub(crate) ttft: Vec<u64>,
    pub(crate) ttft_content: Vec<u64>,
    pub(crate) delay: Vec<u64>,
    pub(crate) chunks: u64,
    pub(crate) ok: u64,
    pub(crate) bad: u64,
    pub(crate) cut: u64,
    pub(crate) reconn: u64,
    pub(crate) bytes: u64,
    pub(crate) first_err: String,
    pub(crate) sample: String,
}

impl Conn {
    pub(crate) fn new(fd: RawFd) -> Self {
        Self { fd, busy: false, t0: 0, r: vec![], pos: 0, p: P::Head, line: vec![], status: 0, first: 0, nchunk: 0, close: false, wleft: 0, done: false, body_keep: vec![] }
    }
}

fn payload(c: &mut Conn, from: usize, to: usize, stream: bool, t: u64, o: &mut Out) {
    if c.status != 200 || o.sample.is_empty() {
        if c.body_keep.len() < 600 {
            let e = to.min(from + 600);
            let piece = c.r[from..e].to_vec();
            c.body_keep.extend_from_slice(&piece);
        }
    }
    if !stream {
        return;
    }
    for i in from..to {
        let b = c.r[i];
        if b == b'\n' {
            if c.line.starts_with(b"data:") {
                let l = &c.line;
                if let Some(j) = find(l, b"t=") {
                    let mut v: u64 = 0;
                    for &d in &l[j + 2..] {
                        if d.is_ascii_digit() {
                            v = v.wrapping_mul(10) + (d - b'0') as u64;
                        } else {
                            break;
                        }
                    }
                    if v > 1_000_000 && v <= t {
                        o.delay.push(t - v);
                        if c.nchunk == 0 {
                            o.ttft_content.push(t - c.t0);
                        }
                        c.nchunk += 1;
                        o.chunks += 1;
                    }
                }
            }
            c.line.clear();
        } else {
            c.line.push(b);
        }
    }
}

pub(crate) fn parse(c: &mut Conn, stream: bool, t: u64, o: &mut Out) {
    loop {
        match c.p {
            P::Head => {
                let Some(h) = find(&c.r[c.pos..], b"\r\n\r\n") else { return };
                let head = c.r[c.pos..c.pos + h].to_vec();
                c.status = std::str::from_utf8(&head[9..12]).ok().and_then(|s| s.parse().ok()).unwrap_or(0);
                c.pos += h + 4;
                c.first = t;
                c.close = header(&head, "connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
                c.p = if header(&head, "transfer-encoding").is_some_and(|v| v.contains("chunked")) {
                    P::Size
                } else if let Some(n) = header(&head, "content-length").and_then(|v| v.parse().ok()) {
                    P::Len(n)
                } else {
                    P::UntilClose
                };
            }
            P::Len(n) => {
                let k = n.min(c.r.len() - c.pos);
                let (a, b) = (c.pos, c.pos + k);
                payload(c, a, b, stream, t, o);
                c.pos = b;
                c.p = P::Len(n - k);
                if n == k {
                    c.done = true;
                }
                return;
            }
            P::UntilClose => {
                let (a, b) = (c.pos, c.r.len());
                payload(c, a, b, stream, t, o);
                c.pos = b;
                return;
            }
            P::Size => {
                let Some(e) = find(&c.r[c.pos..], b"\r\n") else { return };
                let s = std::str::from_utf8(&c.r[c.pos..c.pos + e]).unwrap_or("0");
                let n = usize::from_str_radix(s.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
                c.pos += e + 2;
                c.p = if n == 0 { P::Trailer } else { P::Data(n) };
            }
            P::Data(n) => {
                let k = n.min(c.r.len() - c.pos);
                let (a, b) = (c.pos, c.pos + k);
                payload(c, a, b, stream, t, o);
                c.pos = b;
                if k < n {
                    c.p = P::Data(n - k);
                    return;
                }
                c.p = P::DataEnd(2);
            }
            P::DataEnd(n) => {
                let k = n.min(c.r.len() - c.pos);
                c.pos += k;
                if k < n {
                    c.p = P::DataEnd(n - k);
                    return;
                }
                c.p = P::Size;
                if c.pos > 65536 {
                    c.r.drain(..c.pos);
                    c.pos = 0;
                }
            }
            P::Trailer => {
                let Some(e) = find(&c.r[c.pos..], b"\r\n") else { return };
                c.pos += e + 2;
                if e == 0 {
                    c.done = true;
                    return;
                }
            }
        }
    }
}

pub(crate) fn finish(c: &mut Conn, stream: bool, o: &mut Out) {
    let t = now_ns();
    c.busy = false;
    let good = c.status == 200 && (!stream || c.nchunk > 0);
    if good {
        o.ok += 1;
        o.lat.push(t - c.t0);
        o.ttft.push(c.first - c.t0);
        if o.sample.is_empty() {
            o.sample = String::from_utf8_lossy(&c.body_keep[..c.body_keep.len().min(400)]).into();
        }
    } else {
        o.bad += 1;
        if o.first_err.is_empty() {
            o.first_err = format!("{} {}", c.status, String::from_utf8_lossy(&c.body_keep[..c.body_keep.len().min(500)]));
        }
    }
}
