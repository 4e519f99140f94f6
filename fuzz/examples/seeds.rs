//! Writes the first inputs of every target: small ones of each shape, made by the house's own code
//! where they are binary, so that no file of bytes has to be kept.
//!
//!     seeds FOLDER

use std::io::{Error, Result};
use std::path::{Path, PathBuf};

use ledger::chain::{
    self, EraseMarker, KIND_ERASE, KIND_PRUNE, Marker, PruneMarker, SeqRange, Tip,
};
use ledger::facts;
use lm::{Adapter, Family, LowRank, Tensor};
use lm::gguf::Header;
use lm::testing::{tiny_gguf, tiny_tokenizer, tiny_weights};
use record::Fact;

#[path = "../../crates/ledger/src/journal/frame.rs"]
#[expect(dead_code, reason = "written for its own room")]
mod frame;

const BODIES: [&str; 8] = [
    r#"{"model":"m","messages":[{"role":"user","content":"h\u00e4 \ud83d\ude00"}],"max_tokens":8,"n":2,"stream":true,"stream_options":{"include_usage":true},"logprobs":true,"top_logprobs":3,"logit_bias":{"5":-1},"user":"u","store":true}"#,
    r#"{"model":"m","prompt":["a",[1,2,3]],"max_tokens":0,"echo":true,"logprobs":1,"best_of":3,"prompt_logprobs":2}"#,
    r#"{"model":"m","prompt":[1,2,3],"stop":["x"],"seed":-5,"temperature":0.5e0}"#,
    r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"x"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"1"}],"include":["message.output_text.logprobs","reasoning.encrypted_content"],"reasoning":{"effort":"low"},"text":{"format":{"type":"json_schema","name":"n","schema":{}}},"stream":true,"tools":[{"type":"function","name":"f","parameters":{}}]}"#,
    r#"{"model":"m","input":"x","instructions":"y","max_output_tokens":16,"previous_response_id":null,"tool_choice":{"type":"function","name":"f"}}"#,
    r#"{"model":"m","input":["one","two"],"encoding_format":"base64"}"#,
    r#"{"model":"m","max_tokens":9,"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"tool_result","tool_use_id":"t","content":"1"}]},{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"a":1}}]}],"stop_sequences":["q"],"thinking":{"type":"enabled","budget_tokens":1024},"metadata":{"user_id":"u"},"stream":true}"#,
    r#" { "model" : "m" , "a":{"b":[null,true,-1.5e+3,"\\\"\/"]} } "#,
];

const ANSWERS: [&str; 5] = [
    r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"reasoning_content\":\"r\"}}]}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"logprobs\":{\"content\":[{\"token\":\"hi\",\"logprob\":-1}]}}]}\n\n: ping\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\",\"stop_reason\":\"q\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"completion_tokens_details\":{\"reasoning_tokens\":1}}}\n\ndata: [DONE]\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\r\n\r\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}}]}\r\n\r\ndata: [DONE]",
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\ndata: {\"error\":{\"message\":\"m\",\"code\":500}}\n\n",
];

const ERRORS: [&str; 6] = [
    r#"{"error":{"message":"m","type":"invalid_request_error","param":"p","code":"c"}}"#,
    r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
    r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#,
    r#"{"detail":[{"loc":["body","n"],"msg":"m","type":"t"}]}"#,
    r#"{"error":"m"}"#,
    r#"{"error":{"code":400,"message":"m","type":"exceed_context_size_error"}}"#,
];

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| Error::other("name a folder"))?;
    texts(&folder)?;
    let whole = [tiny_gguf(Family::Llama, 1), tiny_gguf(Family::Qwen2, 2)];
    // The first part alone holds header and vocabulary: small inputs are tried more often.
    let headers = whole
        .each_ref()
        .map(|file| file[..weights_at(file)].to_vec());
    put(&folder, "lm_gguf", whole.into_iter().chain(headers))?;
    put(&folder, "lm_files", model_files()?)?;
    put(&folder, "ledger_codec", ledger())?;
    let example = include_str!("../../crates/stillhouse/stillhouse.example.toml");
    let settings = example.lines().map(|line| match line.strip_prefix("# ") {
        Some(key) if key.contains(" = ") || key.starts_with('[') => key,
        _ => line,
    });
    let settings = settings.collect::<Vec<_>>().join("\n");
    put(
        &folder,
        "settings",
        [example.as_bytes().to_vec(), settings.into_bytes()],
    )
}

/// The files of a tiny model's folder and of an adapter over it, each after its kind's byte.
fn model_files() -> Result<Vec<Vec<u8>>> {
    let folder = std::env::temp_dir().join(format!("stillhouse-seeds-{}", std::process::id()));
    let mut out = Vec::new();
    for (place, family) in [Family::Llama, Family::Qwen2].into_iter().enumerate() {
        let (model, adapter) = (folder.join(format!("m{place}")), folder.join(format!("a{place}")));
        std::fs::create_dir_all(&folder)?;
        let weights = tiny_weights(family, 1);
        let tokenizer = tiny_tokenizer(family);
        let written = weights.write_safetensors(&model, &tokenizer, None);
        written.map_err(Error::other)?;
        let mut lora = Adapter::new(2, 4.0, 0.0).map_err(Error::other)?;
        let tensor = |shape: [usize; 2]| Tensor::new(shape.to_vec(), vec![0.1; 128]);
        let part = LowRank {
            a: tensor([2, 64]).map_err(Error::other)?,
            b: tensor([64, 2]).map_err(Error::other)?,
        };
        let inserted = lora.insert(weights.config(), "blk.0.attn_q.weight", part);
        inserted.map_err(Error::other)?;
        lora.write(&adapter, weights.config(), "tiny").map_err(Error::other)?;
        for (kind, file) in [
            (0, model.join("model.safetensors")),
            (0, adapter.join("adapter_model.safetensors")),
            (1, model.join("config.json")),
            (2, adapter.join("adapter_config.json")),
            (3, model.join("tokenizer.json")),
        ] {
            out.push([&[kind], &std::fs::read(file)?[..]].concat());
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(out)
}

/// Where a model's first tensor begins.
fn weights_at(file: &[u8]) -> usize {
    let header = Header::parse(file, file.len() as u64).expect("the house's own file");
    let first = header.tensors.iter().map(|tensor| tensor.offset).min();
    first.map_or(file.len(), |offset| offset as usize)
}

fn put(folder: &Path, target: &str, inputs: impl IntoIterator<Item = Vec<u8>>) -> Result<()> {
    let folder = folder.join(target);
    std::fs::create_dir_all(&folder)?;
    for (place, input) in inputs.into_iter().enumerate() {
        std::fs::write(folder.join(place.to_string()), input)?;
    }
    Ok(())
}

fn with(lead: &[u8], text: &str) -> Vec<u8> {
    [lead, text.as_bytes()].concat()
}

/// A request for scores and its answer.
fn scores() -> Vec<u8> {
    [
        include_str!("../../crates/wire/tests/golden/score.request.json").trim_end(),
        "\0",
        include_str!("../../crates/wire/tests/golden/score.answer.json").trim_end(),
    ]
    .concat()
    .into_bytes()
}

fn texts(folder: &Path) -> Result<()> {
    let policies = (0..6).flat_map(|endpoint| BODIES.map(|body| with(&[endpoint], body)));
    put(folder, "wire_policy", policies)?;
    put(folder, "wire_score", [scores()])?;
    let streams = [0, 1, 2, 3, 0x80].into_iter();
    let streams = streams.flat_map(|kind| ANSWERS.map(|answer| with(&[kind, 3], answer)));
    put(folder, "wire_sse", streams)?;
    let litellm = [
        include_str!("../../crates/wire/tests/golden/litellm/config.yaml"),
        include_str!("../../crates/wire/tests/golden/litellm/keys.json"),
        include_str!("../../crates/wire/tests/golden/litellm/teams.json"),
    ];
    put(folder, "wire_litellm", litellm.map(|text| text.as_bytes().to_vec()))?;
    put(folder, "wire_traffic", traffic())?;
    let logs = [
        include_str!("../../crates/wire/tests/golden/logs/litellm.jsonl"),
        include_str!("../../crates/wire/tests/golden/logs/helicone.jsonl"),
        include_str!("../../crates/wire/tests/golden/logs/access-log.jsonl"),
        include_str!("../../crates/wire/tests/golden/logs/stored-completions.jsonl"),
    ];
    // The kinds' places in `FORMATS`; from 128 on the account is another field.
    let logs = (1_u8..).zip(logs).flat_map(|(kind, text)| {
        text.lines()
            .flat_map(move |line| [with(&[kind], line), with(&[kind + 130], line)])
    });
    put(folder, "wire_logs", logs)?;
    put(folder, "guard_echo", echoes())?;
    let translated = (0..3).flat_map(|endpoint| {
        let both = BODIES
            .iter()
            .flat_map(|body| ANSWERS.map(|answer| format!("{body}\0{answer}")));
        both.map(move |both| with(&[endpoint, 5], &both))
    });
    put(folder, "wire_translate", translated)?;
    let exchanges = (0..6).flat_map(|endpoint| {
        let both = BODIES
            .iter()
            .flat_map(|body| ANSWERS[..1].iter().map(move |answer| format!("{body}\0{answer}")));
        both.map(move |both| with(&[endpoint], &both))
    });
    let digests = include_str!("../../crates/guard/tests/golden/digest-v1.txt");
    let profiles = include_str!("../../crates/guard/tests/golden/profile-v1.txt");
    let encoded = digests.lines().chain(profiles.lines()).filter_map(|line| {
        let bytes = unhex(line.split_whitespace().next_back()?)?;
        Some([&[0], &bytes[..]].concat())
    });
    put(folder, "guard_digest", exchanges.chain(encoded))?;
    let statuses = [[0x90, 1], [0xf4, 1]].into_iter();
    let errors = statuses.flat_map(|status| ERRORS.map(|error| with(&status, error)));
    put(folder, "wire_error", errors)
}

/// Every kind of line.
fn traffic() -> Vec<Vec<u8>> {
    let lines = BODIES.iter().zip(ANSWERS.iter().cycle()).map(|(body, answer)| {
        let answer = if answer.starts_with('{') { answer } else { "null" };
        format!(
            r#"{{"id":"e","time":"2026-05-01T00:00:00.250Z","duration_ms":15,"account":"a","source":{{"ip":"192.0.2.1","asn":1,"network":"hosting","user_agent":"x","header_order":"h","ja4":"t","accept_language":"de"}},"seq":9,"cut":true,"endpoint":"/v1/chat/completions","model":"m","request":{body},"status":200,"response":{answer}}}"#
        )
    });
    let others = [
        r#"{"time":"2026-05-01T00:00:00Z","event":"model_released","model":"m2"}"#,
        r#"{"time":"2026-05-01T00:00:00+02:00","event":"account_suspended","account":"a"}"#,
        r#"{"time":"2026-05-01 00:00:00Z","account":"a","digest":"AQID"}"#,
        r#"{"id":"a","created":"2026-01-01T00:00:00Z","plan":"team","organization":"o","email_hash":null,"payment_hash":"p","phone_hash":"q","program":"research","country":"DE","declared_use":"evaluation"}"#,
    ];
    let others = others.map(str::to_owned);
    lines.chain(others).map(String::into_bytes).collect()
}

/// Memories of nothing and of a few answers, under the options of the target.
fn echoes() -> Vec<Vec<u8>> {
    use guard::digest::{Digester, HashKey, Scratch};
    use guard::echo::{AccountNumber, Exchange, Memory, Options};
    let mut memory = Memory::new(Options {
        horizon_us: 3_600_000_000,
        answers: 16,
        places: 2048,
        prints: 12,
        rare: 4,
    });
    let digester = Digester::new(&HashKey::new([7; 32]));
    let mut out = vec![memory.encode()];
    for number in 0..3_u64 {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"question {number}"}}]}}"#);
        let text = "an answer of enough words that some of its fingerprints are remembered for a while ".repeat(3);
        let answer = format!(r#"{{"choices":[{{"message":{{"role":"assistant","content":"{text}{number}"}}}}]}}"#);
        let endpoint = record::Endpoint::Chat;
        let request = wire::seen::request(&endpoint, body.as_bytes());
        let answered = wire::seen::answer(&endpoint, answer.as_bytes());
        let digest = digester.digest(
            &record::Seen {
                endpoint: &endpoint,
                request: &request,
                answer: &answered,
                request_bytes: body.len() as u64,
                response_bytes: answer.len() as u64,
                usage: None,
                duration_us: 1,
                status: 200,
                cut: false,
                source: record::Source::default(),
            },
            &mut Scratch::default(),
        );
        memory.observe(&Exchange {
            number,
            account: AccountNumber(number as u32),
            arrived: record::Time::from_micros(1_000_000 * number),
            digest: &digest,
        });
        out.push(memory.encode());
    }
    out
}

/// One input of each kind that the target reads.
fn ledger() -> Vec<Vec<u8>> {
    let chain = [7; 16];
    let (salt, payload) = ([9; 16], b"payload".as_slice());
    let header = |seq, prev| chain::Header {
        chain,
        seq,
        prev,
        time_us: 1_800_000_000_000_000 + seq,
        kind: 21,
        version: 1,
        commitment: chain::commitment(&salt, payload),
    };
    let mut frames = vec![0];
    let first = frame::encode(
        &mut frames,
        &header(1, Tip::start(&chain).hash),
        &salt,
        payload,
        0,
    );
    frame::encode(&mut frames, &header(2, first), &salt, payload, 1);
    let range = SeqRange { first: 3, last: 9 };
    let prune = Marker::Prune(PruneMarker {
        before_us: 5,
        range,
        kinds: vec![21, 22],
        pinned: vec![SeqRange { first: 4, last: 4 }],
    });
    let erase = Marker::Erase(EraseMarker {
        ranges: vec![range],
    });
    debug_assert_eq!((prune.kind(), erase.kind()), (KIND_PRUNE, KIND_ERASE));
    let one = header(1, first).encode();
    let sealed = [&(payload.len() as u32).to_le_bytes(), &salt[..], payload].concat();
    let mut started = vec![5];
    let fact = Fact::ServerStarted {
        version: "1".into(),
    };
    let mut written = Vec::new();
    started.push(facts::encode(&fact, &mut written) as u8);
    started.extend(written);
    let mut out = vec![
        frames,
        [&[1], &one[..]].concat(),
        [&[2], &[3; chain::HEAD_BYTES][..]].concat(),
        [&[3], &prune.encode()[..]].concat(),
        [&[3], &erase.encode()[..]].concat(),
        [&[4, 1], &one[..], &sealed].concat(),
        started,
    ];
    out.extend(golden());
    out
}

/// The facts of the golden file: lines of a name, a kind, a version and bytes in hexadecimal.
fn golden() -> Vec<Vec<u8>> {
    let text = include_str!("../../crates/ledger/tests/golden/facts-v1.txt");
    text.lines()
        .filter_map(|line| {
            let kind = line
                .split_whitespace()
                .find_map(|word| word.parse::<u8>().ok())?;
            let hex = line.split_whitespace().next_back()?;
            Some([&[5, kind][..], &unhex(hex)?].concat())
        })
        .collect()
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok())
        .collect()
}
