//! Words that every room says: hexadecimal digits, names that are near, durations as Go writes them, texts of URLs. PURE.

pub mod duration;
pub mod hex;
pub mod near;
pub mod percent;
pub mod quoted;
