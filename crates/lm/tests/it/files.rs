//! Models and adapters written and read again: as folders of transformers, as GGUF, as PEFT's.

use lm::gguf::{TensorType, Value};
use lm::testing::{GgufWriter, tiny_gguf, tiny_tokenizer, tiny_weights};
use lm::{Adapter, Chat, Family, LowRank, Model, ModelFiles, Options, Specials, Tensor, Weights};
use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;

const FAMILIES: [Family; 2] = [Family::Llama, Family::Qwen2];
const TOKENS: [u32; 6] = [5, 9, 77, 2, 200, 8];

fn options() -> Options {
    Options {
        threads: 1,
        ..Options::default()
    }
}

/// A tiny model's folder.
fn write(family: Family, seed: u64, folder: &Path) -> Weights {
    let bytes = tiny_gguf(family, seed);
    let files = ModelFiles::from_bytes(&bytes).unwrap();
    let weights = Weights::from_files(&files, None).unwrap();
    weights
        .write_safetensors(folder, files.tokenizer(), files.template())
        .unwrap();
    weights
}

#[test]
fn a_folder_is_the_model_that_was_written() {
    for family in FAMILIES {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("tiny");
        let weights = write(family, 3, &folder);
        let read = Weights::load(&folder, None).unwrap();
        assert!(read.iter().eq(weights.iter()));
        let (new, old) = (
            Model::load(&folder, &options()).unwrap(),
            Model::from_bytes(&tiny_gguf(family, 3), &options()).unwrap(),
        );
        assert_eq!(
            new.score(&TOKENS, 3).unwrap(),
            old.score(&TOKENS, 3).unwrap()
        );
        assert_eq!(new.config(), old.config());
        let chat = Chat::new(&json!([{"role": "user", "content": "the <|im_end|> ä"}])).unwrap();
        assert_eq!(
            new.encode_chat(&chat).unwrap(),
            old.encode_chat(&chat).unwrap()
        );
        let (new, old) = (new.tokenizer(), old.tokenizer());
        for specials in [Specials::Text, Specials::Parse] {
            let text = "and the other\n\n <|im_end|>ö";
            assert_eq!(new.encode(text, specials), old.encode(text, specials));
        }
        assert!(new.is_end(0) && new.is_end(2) && new.is_control(1));
    }
}

#[test]
fn a_gguf_is_the_model_that_was_written() {
    for family in FAMILIES {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("tiny.gguf");
        let old = Model::from_bytes(&tiny_gguf(family, 3), &options()).unwrap();
        let want = old.score(&TOKENS, 0).unwrap();
        let weights = tiny_weights(family, 3);
        for (kind, most) in [
            (TensorType::F32, 0.0),
            (TensorType::F16, 5e-3),
            (TensorType::Q8_0, 5e-2),
        ] {
            weights
                .write_gguf(&path, kind, old.tokenizer(), old.template())
                .unwrap();
            let new = Model::load(&path, &options()).unwrap();
            assert_eq!(new.config(), old.config());
            for (a, b) in new.score(&TOKENS, 0).unwrap().iter().zip(&want) {
                assert!(
                    (a.logprob - b.logprob).abs() <= most,
                    "{kind:?} {a:?} {b:?}"
                );
            }
            let source = new.template().map(lm::ChatTemplate::source);
            assert_eq!(source, old.template().map(lm::ChatTemplate::source));
        }
        let error = weights.write_gguf(&path, TensorType::Q4_K, old.tokenizer(), None);
        assert!(error.unwrap_err().to_string().contains("Q4_K"));
    }
}

#[test]
fn what_is_not_finite_is_not_written() {
    let root = tempfile::tempdir().unwrap();
    let mut weights = tiny_weights(Family::Llama, 1);
    weights.get_mut("blk.0.ffn_up.weight").unwrap().data_mut()[3] = f32::INFINITY;
    let tokenizer = tiny_tokenizer(Family::Llama);
    let folder = root.path().join("a");
    assert!(
        weights
            .write_safetensors(&folder, &tokenizer, None)
            .is_err()
    );
    assert!(
        weights
            .write_gguf(&folder, TensorType::F16, &tokenizer, None)
            .is_err()
    );
    weights.get_mut("blk.0.ffn_up.weight").unwrap().data_mut()[3] = 1e9;
    let error = weights
        .write_gguf(&folder, TensorType::F16, &tokenizer, None)
        .unwrap_err();
    assert!(error.to_string().contains("blk.0.ffn_up.weight"), "{error}");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

fn adapter(weights: &Weights, layers: &[&str]) -> Adapter {
    let config = weights.config();
    let mut out = Adapter::new(4, 8.0, 0.1).unwrap();
    let ramp = |n: usize, k: usize| (0..n).map(move |i| ((i * 7 + k) % 13) as f32 / 13.0 - 0.4);
    for (k, name) in layers.iter().enumerate() {
        let shape = weights.get(name).unwrap().shape();
        let a = Tensor::new(vec![4, shape[1]], ramp(4 * shape[1], k).collect()).unwrap();
        let b = Tensor::new(vec![shape[0], 4], ramp(4 * shape[0], k + 5).collect()).unwrap();
        out.insert(config, name, LowRank { a, b }).unwrap();
    }
    out
}

#[test]
fn an_adapter_is_read_as_it_was_written() {
    for family in FAMILIES {
        let root = tempfile::tempdir().unwrap();
        let weights = tiny_weights(family, 3);
        let both = ["blk.0.attn_q.weight", "blk.1.attn_q.weight"];
        for (i, layers) in [
            &both[..],
            &both[..1],
            &["blk.1.attn_k.weight", "blk.0.ffn_down.weight"],
        ]
        .iter()
        .enumerate()
        {
            let folder = root.path().join(i.to_string());
            let adapter = adapter(&weights, layers);
            adapter.write(&folder, weights.config(), "tiny").unwrap();
            assert_eq!(Adapter::load(&folder, weights.config()).unwrap(), adapter);
            let text = fs::read(folder.join("adapter_config.json")).unwrap();
            let about: Json = serde_json::from_slice(&text).unwrap();
            let full = i > 0;
            let first = about["target_modules"][0].as_str().unwrap();
            assert_eq!(first.starts_with("model.layers."), full, "{first}");
        }
    }
}

#[test]
fn an_adapter_is_merged_and_taken_out_again() {
    let old = tiny_weights(Family::Llama, 3);
    let mut weights = old.clone();
    let adapter = adapter(&weights, &["blk.0.attn_k.weight"]);
    adapter.merge(&mut weights).unwrap();
    let part = adapter.get("blk.0.attn_k.weight").unwrap();
    let (a, b) = (part.a.data(), part.b.data());
    let (row, column) = (17, 40);
    let change: f32 = (0..4).map(|r| b[row * 4 + r] * a[r * 64 + column]).sum();
    let at = |w: &Weights| w.get("blk.0.attn_k.weight").unwrap().data()[row * 64 + column];
    assert!((at(&weights) - at(&old) - 2.0 * change).abs() < 1e-6);
    adapter.unmerge(&mut weights).unwrap();
    for ((name, new), (_, old)) in weights.iter().zip(old.iter()) {
        let pairs = new.data().iter().zip(old.data());
        assert!(
            pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6),
            "{name}"
        );
    }
}

#[test]
fn an_adapter_that_is_not_plain_lora_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let weights = tiny_weights(Family::Qwen2, 3);
    let folder = root.path().join("a");
    let adapter = adapter(&weights, &["output.weight"]);
    adapter.write(&folder, weights.config(), "tiny").unwrap();
    assert_eq!(Adapter::load(&folder, weights.config()).unwrap(), adapter);
    let path = folder.join("adapter_config.json");
    let good: Json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (key, value) in [
        ("use_dora", json!(true)),
        ("use_rslora", json!(true)),
        ("bias", json!("all")),
        ("rank_pattern", json!({"q_proj": 3})),
        ("peft_type", json!("IA3")),
        ("init_lora_weights", json!("pissa")),
        ("modules_to_save", json!(["embed_tokens"])),
        ("trainable_token_indices", json!([1])),
    ] {
        let mut about = good.clone();
        about[key] = value;
        fs::write(&path, about.to_string()).unwrap();
        let error = Adapter::load(&folder, weights.config())
            .unwrap_err()
            .to_string();
        assert!(error.contains(key), "{key}: {error}");
    }
    fs::write(&path, good.to_string()).unwrap();
    let other = tiny_weights(Family::Llama, 3);
    let error = Adapter::load(&folder, other.config())
        .unwrap_err()
        .to_string();
    assert!(error.contains("lm_head"), "{error}");
    let none = Adapter::new(4, 8.0, 0.0).unwrap();
    assert!(
        none.write(&root.path().join("b"), weights.config(), "tiny")
            .is_err()
    );
    assert!(Adapter::new(0, 1.0, 0.0).is_err() && Adapter::new(1, f32::NAN, 0.0).is_err());
}

/// A tensor of a safetensors file: name, type, sizes, bytes.
type Part = (String, &'static str, Vec<usize>, Vec<u8>);

/// A safetensors file.
fn safetensors(tensors: &[Part]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, kind, shape, bytes) in tensors {
        let place = [data.len(), data.len() + bytes.len()];
        let entry = json!({"dtype": kind, "shape": shape, "data_offsets": place});
        header.insert(name.clone(), entry);
        data.extend(bytes);
    }
    let header = Json::Object(header).to_string();
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

/// The tensors of a folder's single file, with their bytes.
fn tensors(folder: &Path) -> Vec<Part> {
    let bytes = fs::read(folder.join("model.safetensors")).unwrap();
    let header = lm::files::safetensors_header(&bytes, bytes.len() as u64).unwrap();
    let part = |t: &lm::files::SafeTensor| bytes[t.offset as usize..][..t.length as usize].to_vec();
    let all = header.iter();
    all.map(|(name, t)| (name.clone(), "F32", t.shape.clone(), part(t)))
        .collect()
}

#[test]
fn half_precision_and_shards_are_read() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("tiny");
    let weights = write(Family::Llama, 3, &folder);
    let floats = |bytes: &[u8]| -> Vec<f32> {
        let words = bytes.chunks_exact(4);
        words
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    };
    let mut halves = tensors(&folder);
    for (i, (_, kind, _, bytes)) in halves.iter_mut().enumerate() {
        let values = floats(bytes).into_iter();
        (*kind, *bytes) = match i % 2 {
            0 => (
                "F16",
                values
                    .flat_map(|v| half::f16::from_f32(v).to_le_bytes())
                    .collect(),
            ),
            _ => (
                "BF16",
                values
                    .flat_map(|v| half::bf16::from_f32(v).to_le_bytes())
                    .collect(),
            ),
        };
    }
    let (one, two) = halves.split_at(7);
    let mut map = serde_json::Map::new();
    for (file, part) in [
        ("model-00001-of-00002.safetensors", one),
        ("model-00002-of-00002.safetensors", two),
    ] {
        fs::write(folder.join(file), safetensors(part)).unwrap();
        part.iter()
            .for_each(|t| drop(map.insert(t.0.clone(), json!(file))));
    }
    fs::remove_file(folder.join("model.safetensors")).unwrap();
    let index = folder.join("model.safetensors.index.json");
    fs::write(
        &index,
        json!({"metadata": {}, "weight_map": map}).to_string(),
    )
    .unwrap();
    let read = Weights::load(&folder, None).unwrap();
    for ((name, new), (_, old)) in read.iter().zip(weights.iter()) {
        for (a, b) in new.data().iter().zip(old.data()) {
            assert!((a - b).abs() <= 0.01 * b.abs(), "{name} {a} {b}");
        }
    }
    for file in [
        "../model-00001-of-00002.safetensors",
        "/etc/passwd",
        "x.bin",
    ] {
        map.insert("model.norm.weight".into(), json!(file));
        fs::write(&index, json!({"weight_map": map}).to_string()).unwrap();
        let error = Weights::load(&folder, None).unwrap_err().to_string();
        assert!(error.contains(file), "{error}");
    }
}

#[test]
fn broken_tensors_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("tiny");
    write(Family::Qwen2, 3, &folder);
    let good = tensors(&folder);
    let with = |change: &dyn Fn(&mut Vec<Part>)| {
        let mut tensors = good.clone();
        change(&mut tensors);
        fs::write(folder.join("model.safetensors"), safetensors(&tensors)).unwrap();
        Weights::load(&folder, None)
            .map(drop)
            .map_err(|e| e.to_string())
    };
    with(&|_| ()).unwrap();
    let norm = good
        .iter()
        .position(|t| t.0 == "model.norm.weight")
        .unwrap();
    let nan = with(&|t| t[norm].3[..4].copy_from_slice(&f32::NAN.to_le_bytes())).unwrap_err();
    assert!(
        nan.contains("output_norm.weight") && nan.contains("finite"),
        "{nan}"
    );
    let missing = with(&|t| drop(t.remove(norm))).unwrap_err();
    assert!(
        missing.contains("output_norm.weight") && missing.contains("missing"),
        "{missing}"
    );
    let unknown = with(&|t| t[norm].0 = "model.rope.weight".into()).unwrap_err();
    assert!(unknown.contains("model.rope.weight"), "{unknown}");
    let shape = with(&|t| t[norm].2 = vec![8, 8]).unwrap_err();
    assert!(
        shape.contains("output_norm.weight") && shape.contains("sizes"),
        "{shape}"
    );
    let kind = with(&|t| t[norm].1 = "F64").unwrap_err();
    assert!(
        kind.contains("F64") && kind.contains("model.norm.weight"),
        "{kind}"
    );
    let short = with(&|t| t[norm].3.truncate(100)).unwrap_err();
    assert!(short.contains("model.norm.weight"), "{short}");
}

/// The error of a folder whose JSON file was changed.
fn refused(file: &str, change: &dyn Fn(&mut Json)) -> String {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("tiny");
    write(Family::Qwen2, 3, &folder);
    let path = folder.join(file);
    let mut value: Json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(&path, value.to_string()).unwrap();
    match Model::load(&folder, &options()) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_config_that_changes_the_mathematics_is_refused_by_name() {
    for (key, value) in [
        ("rope_scaling", json!({"rope_type": "yarn", "factor": 4.0})),
        ("use_sliding_window", json!(true)),
        (
            "layer_types",
            json!(["full_attention", "sliding_attention"]),
        ),
        ("attention_bias", json!(false)),
        ("hidden_act", json!("gelu")),
        ("quantization_config", json!({"bits": 4})),
        ("num_experts", json!(8)),
        ("partial_rotary_factor", json!(0.5)),
        ("head_dim", json!(15)),
        ("vocab_size", json!(1u64 << 40)),
        ("num_key_value_heads", json!(3)),
        ("rms_norm_eps", json!(-1.0)),
        (
            "rope_parameters",
            json!({"rope_type": "linear", "rope_theta": 1e4}),
        ),
    ] {
        let error = refused("config.json", &|c| c[key] = value.clone());
        let named = match key {
            "head_dim" | "num_key_value_heads" => "heads",
            "rope_parameters" => "rope_type",
            key => key,
        };
        assert!(error.contains(named), "{key}: {error}");
    }
    let error = refused("config.json", &|c| {
        c["architectures"] = json!(["MistralForCausalLM"])
    });
    assert!(error.contains("MistralForCausalLM"), "{error}");
    for harmless in [
        "sliding_window",
        "max_window_layers",
        "_name_or_path",
        "dtype",
    ] {
        assert_eq!(
            refused("config.json", &|c| c[harmless] = json!(28)),
            "",
            "{harmless}"
        );
    }
    let five = json!({"rope_type": "default", "rope_theta": 10000.0});
    assert_eq!(
        refused("config.json", &|c| c["rope_parameters"] = five.clone()),
        ""
    );
}

#[test]
fn a_tokenizer_that_is_not_known_is_refused_by_name() {
    let file = "tokenizer.json";
    assert_eq!(refused(file, &|_| ()), "");
    let metaspace = json!({"type": "Metaspace", "replacement": "_"});
    let error = refused(file, &|t| t["pre_tokenizer"] = metaspace.clone());
    assert!(error.contains("Metaspace"), "{error}");
    let error = refused(file, &|t| {
        t["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = json!("x+");
    });
    assert!(
        error.contains("pre-tokenizer") && error.contains("x+"),
        "{error}"
    );
    for (key, value) in [
        ("byte_fallback", json!(true)),
        ("ignore_merges", json!(true)),
        ("dropout", json!(0.5)),
        ("type", json!("Unigram")),
    ] {
        let error = refused(file, &|t| t["model"][key] = value.clone());
        let named = if key == "type" { "Unigram" } else { key };
        assert!(error.contains(named), "{key}: {error}");
    }
    let error = refused(file, &|t| t["normalizer"] = json!(null));
    assert!(error.contains("normalizer"), "{error}");
    let error = refused(file, &|t| t["added_tokens"][0]["lstrip"] = json!(true));
    assert!(error.contains("<|endoftext|>"), "{error}");
    let error = refused(file, &|t| t["added_tokens"][0]["id"] = json!(7));
    assert!(error.contains("id 7"), "{error}");
    let error = refused(file, &|t| t["model"]["vocab"]["x y"] = json!(100_000));
    assert!(error.contains("100000"), "{error}");
    let error = refused("tokenizer_config.json", &|c| c["eos_token"] = json!("</s>"));
    assert!(error.contains("</s>"), "{error}");
    let error = refused("tokenizer_config.json", &|c| {
        c["add_bos_token"] = json!(true)
    });
    assert!(error.contains("add_bos_token"), "{error}");
    let error = refused("generation_config.json", &|c| {
        c["eos_token_id"] = json!([2, 5000])
    });
    assert!(error.contains("5000"), "{error}");
}

#[test]
fn a_begin_token_and_gaps_in_the_ids_go_both_ways() {
    let mut writer = GgufWriter::from_gguf(&tiny_gguf(Family::Llama, 1)).unwrap();
    writer.set("tokenizer.ggml.add_bos_token", Value::Bool(true));
    let bytes = writer.bytes();
    let files = ModelFiles::from_bytes(&bytes).unwrap();
    let weights = Weights::from_files(&files, None).unwrap();
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("tiny");
    weights
        .write_safetensors(&folder, files.tokenizer(), None)
        .unwrap();
    let read = ModelFiles::open(&folder).unwrap();
    assert_eq!(read.tokenizer().encode("x", Specials::Text)[0], 1);
    assert!(read.template().is_none());
    // One token fewer than the table has rows.
    let path = folder.join("tokenizer.json");
    let mut value: Json = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let merges = value["model"]["merges"].as_array_mut().unwrap();
    merges.pop();
    value["model"]["vocab"]
        .as_object_mut()
        .unwrap()
        .remove("our");
    fs::write(&path, value.to_string()).unwrap();
    let read = ModelFiles::open(&folder).unwrap();
    assert_eq!(read.tokenizer().vocabulary(), 279);
    assert_eq!(read.tokenizer().token_text(278), "[PAD278]");
}
