//! werf.yaml: render → split → raw values with spans → check → [`Config`].

pub mod image;
pub mod meta;

use std::sync::Arc;

/// The checked configuration of one commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The meta document.
    pub meta: meta::Meta,
    /// The images in the order of the file.
    pub images: Vec<image::Image>,
    /// The rendered text that [`image::Location`]s point into.
    pub rendered: Arc<str>,
}
