//! Other APIs made from chat completions.
