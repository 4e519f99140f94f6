//! A model file of strangers: header, tokenizer and template give an error or something that
//! works, within bounded memory; a whole model is loaded only where the file is consistent.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lm::gguf::Header;
use lm::{Detokenizer, HeldWeights, Model, Options, Specials, Tokenizer};

/// The length that a file is said to have.
const LENGTH: u64 = 1 << 24;

fuzz_target!(|data: &[u8]| {
    // The weights may lie beyond what is here: most of what can be wrong is before them.
    let Ok(header) = Header::parse(data, LENGTH) else {
        return;
    };
    for tensor in &header.tensors {
        assert!(tensor.offset + tensor.length <= LENGTH);
        assert!(tensor.elements() > 0);
    }
    if let Ok(tokenizer) = Tokenizer::from_header(&header) {
        text(&tokenizer);
    }
    let options = Options {
        threads: 1,
        context: Some(32),
        memory: Some(16 << 20),
        weights: HeldWeights::Both,
    };
    let _ = Model::from_bytes(data, &options);
});

fn text(tokenizer: &Tokenizer) {
    for specials in [Specials::Text, Specials::Parse] {
        let tokens = tokenizer.encode("Hello <|im_end|> wörld 123\n\n", specials);
        tokenizer
            .check(&tokens)
            .expect("a tokenizer gives tokens of its vocabulary");
        let mut detokenizer = Detokenizer::new();
        for token in &tokens {
            detokenizer.push(tokenizer.bytes(*token));
        }
        detokenizer.finish();
        let _ = tokenizer.decode(&tokens);
    }
}
