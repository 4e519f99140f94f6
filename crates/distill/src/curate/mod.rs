//! Curation: rows in, rows out, and a reason for every row that left. Nothing here does IO, reads
//! a clock or draws randomness: the seed is an argument.
