//! A LiteLLM configuration of any content is read or refused, and what comes out of it is TOML;
//! keys and teams of any content are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::import::litellm;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(config) = litellm::read_config(text) {
        let settings = litellm::to_toml(&config);
        toml::from_str::<toml::Table>(&settings).expect("what is written can be read");
    }
    if let Ok(holders) = litellm::read_holders(Some(text), Some(text)) {
        for models in holders.model_sets() {
            let plan = litellm::plans_as_toml([("p", models.as_slice())]);
            toml::from_str::<toml::Table>(&plan).expect("what is written can be read");
        }
    }
});
