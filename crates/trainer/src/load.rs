//! What a job reads: items, models, prompts as tokens.

use crate::error::{Error, Result};
use crate::protocol::{self, Item, Prompt, Sampling};
use lm::{Chat, ChatTemplate, ModelFiles, Specials, Tokenizer};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

/// The items of a file, at least one.
pub(crate) fn items(path: &Path) -> Result<Vec<Item>> {
    let file = File::open(path).map_err(Error::file(path))?;
    let items = protocol::items(BufReader::new(file)).map_err(|source| Error::Items {
        path: path.to_owned(),
        source,
    })?;
    match items.is_empty() {
        true => Err(Error::Job(format!("{} holds no items", path.display()))),
        false => Ok(items),
    }
}

/// A model's files.
pub(crate) fn model(path: &Path) -> Result<ModelFiles<'static>> {
    ModelFiles::open(path).map_err(of_model(path))
}

impl Item {
    /// The answer that it has, to be scored.
    pub(crate) fn given(&self) -> Result<&str> {
        self.answer.as_deref().ok_or_else(|| Error::Item {
            id: self.id.clone(),
            what: "it has no answer to score".into(),
        })
    }
}

/// The error of a model.
pub(crate) fn of_model(path: &Path) -> impl FnOnce(lm::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Model { path, source }
}

/// BLAKE3 of a file; of a folder, that of its files' names and contents, by name.
pub(crate) fn digest(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    for (name, file) in files(path)? {
        if path.is_dir() {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            let length = file.metadata().map_err(Error::file(&file))?.len();
            hasher.update(&length.to_le_bytes());
        }
        let opened = File::open(&file).map_err(Error::file(&file))?;
        hasher.update_reader(opened).map_err(Error::file(&file))?;
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// The files at a path, all levels, by the path within it.
pub(crate) fn files(path: &Path) -> Result<Vec<(String, std::path::PathBuf)>> {
    if !path.is_dir() {
        return Ok(vec![(String::new(), path.to_owned())]);
    }
    let mut out = Vec::new();
    let mut folders = vec![(String::new(), path.to_owned())];
    while let Some((inside, folder)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Error::file(&folder))? {
            let file = entry.map_err(Error::file(&folder))?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let name = format!("{inside}{name}");
            match file.is_dir() {
                true => folders.push((name + "/", file)),
                false => out.push((name, file)),
            }
        }
    }
    out.sort();
    Ok(out)
}

/// Turns prompts and answers into tokens of one model.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub(crate) tokenizer: Arc<Tokenizer>,
    template: Option<ChatTemplate>,
}

impl Reader {
    pub(crate) fn of(files: &ModelFiles<'_>) -> Self {
        Self {
            tokenizer: Arc::clone(files.tokenizer()),
            template: files.template().cloned(),
        }
    }

    /// A prompt's tokens, at least one.
    pub(crate) fn prompt(&self, item: &str, prompt: &Prompt) -> Result<Vec<u32>> {
        let wrong = |what: String| Error::Item {
            id: item.to_owned(),
            what,
        };
        let tokens = match prompt {
            Prompt::Text { text } => {
                let mut tokens: Vec<u32> = self.tokenizer.begin().into_iter().collect();
                tokens.extend(self.tokenizer.encode(text, Specials::Text));
                tokens
            }
            Prompt::Messages { messages } => {
                let template = self.template.as_ref();
                let template = template.ok_or_else(|| {
                    wrong("its prompt is messages, and the model has no chat template".into())
                })?;
                let chat = Chat::new(messages).map_err(|e| wrong(e.to_string()))?;
                let tokens = template.encode(&self.tokenizer, &chat);
                tokens.map_err(|e| wrong(e.to_string()))?
            }
        };
        match tokens.is_empty() {
            true => Err(wrong("its prompt is empty".into())),
            false => Ok(tokens),
        }
    }

    /// The tokens of an answer that is given, with what ends it.
    pub(crate) fn answer(&self, text: &str, sampling: &Sampling) -> Vec<u32> {
        let mut text = text.to_owned();
        let ended = sampling.stop.iter().any(|stop| text.ends_with(stop));
        if let (Some(stop), false) = (sampling.stop.first(), ended) {
            text.push_str(stop);
        }
        let mut tokens = self.tokenizer.encode(&text, Specials::Text);
        if sampling.stop.is_empty() {
            tokens.extend(self.tokenizer.end());
        }
        tokens
    }
}
