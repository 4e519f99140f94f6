//! Files of transformers and of PEFT from strangers: the header of safetensors, config.json,
//! tokenizer.json, adapter_config.json. The first byte says which; each gives an error or a value
//! that keeps its promises.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lm::files::safetensors_header;
use lm::{Adapter, Config, Specials, Tokenizer};

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind % 4 {
        0 => safetensors(data),
        1 => drop(Config::from_json(data)),
        2 => drop(Adapter::from_json(data)),
        _ => tokenizer(data),
    }
});

fn safetensors(data: &[u8]) {
    let length = data.len() as u64;
    let Ok(header) = safetensors_header(data, length) else {
        return;
    };
    for tensor in header.values() {
        let elements: usize = tensor.shape.iter().product();
        assert_eq!(elements * tensor.kind.block_bytes(), tensor.length as usize);
        assert!(tensor.offset + tensor.length <= length);
    }
}

fn tokenizer(data: &[u8]) {
    let Ok(tokenizer) = Tokenizer::from_json(data, 600) else {
        return;
    };
    for specials in [Specials::Text, Specials::Parse] {
        let tokens = tokenizer.encode("Hello <|im_end|> wörld 123\n\n", specials);
        tokenizer
            .check(&tokens)
            .expect("a tokenizer gives tokens of its vocabulary");
        let _ = tokenizer.decode(&tokens);
    }
}
