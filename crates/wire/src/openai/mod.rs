//! Typed requests and answers of OpenAI's API.
