//! Whether what was rendered may change when images are published: their digests are not known before.

use super::rendered::Rendered;
use crate::chart::files::model::{Chart, File};
use crate::chart::render::service::{ImageReference, ServiceValues, stand_in};

impl ServiceValues {
    /// Whether a chart that was rendered with these values may be another one when images are published: it may read what is not known
    /// before, or what was rendered has a digest that is a stand-in.
    pub fn is_provisional_in(&self, chart: &Chart, rendered: &Rendered) -> bool {
        reads_digests(chart) || self.stands_in(rendered)
    }

    fn stands_in(&self, rendered: &Rendered) -> bool {
        let hooks = rendered.hooks.iter().map(|hook| &hook.manifest.text);
        let texts: Vec<&str> =
            rendered.manifests.iter().map(|manifest| &manifest.text).chain(hooks).chain(&rendered.notes).map(|text| &**text).collect();
        let is_stand_in = |image: &&ImageReference| image.digest.as_deref() == Some(&stand_in(&image.tag));
        self.images.values().filter(is_stand_in).any(|image| {
            let digest = stand_in(&image.tag);
            texts.iter().any(|text| text.contains(&digest))
        })
    }
}

/// Whether templates of a chart may read what is only known of images that are published: they name `.Values.global.werf.images`, or take
/// all values, the global ones or werf's at once. It is known by words alone and errs on the side of reading.
fn reads_digests(chart: &Chart) -> bool {
    let (names_images, takes_all) = mentions(chart);
    takes_all || names_images == (true, true)
}

/// Whether texts of a chart have the words `werf` and `images`, and whether one takes a whole table that these are below.
fn mentions(chart: &Chart) -> ((bool, bool), bool) {
    let (mut words, mut takes_all) = ((false, false), false);
    // `tpl` makes templates of values.
    let texts = chart.templates.iter().map(File::shown).chain(chart.values_text().map(Into::into));
    for text in texts {
        words = (words.0 || text.contains("werf"), words.1 || text.contains("images"));
        takes_all |= ["Values", "global", "werf"].iter().any(|table| taken_whole(&text, table));
    }
    for inner in &chart.dependencies {
        let (inner_words, inner_takes_all) = mentions(inner);
        words = (words.0 || inner_words.0, words.1 || inner_words.1);
        takes_all |= inner_takes_all;
    }
    (words, takes_all)
}

/// Whether a template names a table as a field, `.global`, and none of the fields below it.
fn taken_whole(text: &str, table: &str) -> bool {
    let mut ends = text.match_indices(table).map(|(at, _)| (at, at + table.len()));
    ends.any(|(begin, end)| {
        let goes_on = |rest: &str| rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_');
        let rest = &text[end..];
        text[..begin].ends_with('.') && !goes_on(rest) && !rest.strip_prefix('.').is_some_and(goes_on)
    })
}
