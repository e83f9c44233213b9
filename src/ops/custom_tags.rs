//! Further tags of final images, beside those that their content gives: `--add-custom-tag`, and `--use-custom-tag`, which charts name.
//!
//! A tag of its own moves to another image with each commit, so what runs under it depends on more than the manifest says: that is why
//! giterminism has a word on using one.

use std::collections::HashMap;

use futures::stream::{FuturesOrdered, StreamExt};
use miette::Diagnostic;
use thiserror::Error;

use super::images::{Digests, Images};
use super::project::Project;
use super::{BuildOptions, Run};
use crate::error::Result;
use crate::event::Event;
use crate::project::slug;
use crate::registry::{Client, Reference, Tag};

/// The further tags of a run.
#[derive(Debug, Default)]
pub struct CustomTags {
    added: Vec<Pattern>,
    used: Option<Pattern>,
}

/// How a tag is made of an image.
#[derive(Debug)]
struct Pattern(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Image,
    Slug,
    SafeSlug,
    ContentTag,
}

impl CustomTags {
    /// Reads what the user wants for the final images of these names.
    pub fn read(options: &BuildOptions, project: &Project, images: &[&str]) -> Result<Self> {
        let read = |flag: &'static str, text: &String| {
            let pattern = Pattern::read(flag, text)?;
            pattern.check(flag, text, images).map(|()| pattern)
        };
        let added = options.add_custom_tags.iter().map(|text| read("--add-custom-tag", text)).collect::<Result<_, _>>()?;
        let used = options.use_custom_tag.as_ref().map(|text| read("--use-custom-tag", text)).transpose()?;
        if used.is_some() && !project.giterminism.allows(|policy| policy.custom_tags) {
            return Err(NotAllowed.into());
        }
        Ok(CustomTags { added, used })
    }

    /// The tag that charts name instead of an image's own.
    pub fn used(&self, image: &str, content_tag: &str) -> Option<String> {
        Some(self.used.as_ref()?.of(image, content_tag))
    }

    /// Gives the tags to the final images, which are published. With `require_built` they must have them.
    pub async fn give(&self, images: &Images, digests: &Digests, client: &Client, require_built: bool, run: &Run) -> Result<()> {
        let patterns = || self.used.iter().chain(&self.added);
        let is_final = |name: &&String| images.tree.get(name).is_some_and(|(image, _)| image.is_final);
        let finals = images.wanted.iter().filter(is_final).filter_map(|name| Some((name, images.deployed_reference(name)?)));
        let mut giving: FuturesOrdered<_> = finals
            .flat_map(|(name, reference)| patterns().map(move |pattern| (name, reference.clone(), pattern)))
            .map(|(name, reference, pattern)| async move {
                let own = reference.tag.as_ref().map(Tag::as_str).unwrap_or_default();
                let tag = Tag::parse(&pattern.of(name, own))?;
                let alias = reference.repository.with_tag(tag.clone());
                let digest = digests.get(name).map(String::as_str);
                let has = client.head(&alias).await?.is_some_and(|found| Some(found.digest.as_str()) == digest);
                if !has && require_built {
                    return Err(Missing { image: name.clone(), alias: alias.to_string() }.into());
                }
                if !has {
                    client.tag(&reference, &tag).await?;
                }
                Result::<(&String, Reference)>::Ok((name, alias))
            })
            .collect();
        while let Some(given) = giving.next().await {
            let (image, alias) = given?;
            run.events.emit(Event::ImageTagged { image: image.clone(), reference: alias.to_string() });
        }
        Ok(())
    }
}

impl Pattern {
    /// Reads a text with shortcuts between percent signs.
    fn read(flag: &'static str, text: &str) -> Result<Self, BadTag> {
        let bad = |problem: String, help: &str| BadTag { flag, text: text.to_owned(), problem, help: help.to_owned() };
        let pieces: Vec<&str> = text.split('%').collect();
        if pieces.len().is_multiple_of(2) {
            return Err(bad("a percent sign has no other one".into(), SHORTCUTS));
        }
        let part = |(at, piece): (usize, &&str)| match (at % 2, piece.trim()) {
            (0, _) => Ok(Part::Text((*piece).to_owned())),
            (_, "image") => Ok(Part::Image),
            (_, "image_slug") => Ok(Part::Slug),
            (_, "image_safe_slug") => Ok(Part::SafeSlug),
            (_, "image_content_based_tag") => Ok(Part::ContentTag),
            (_, other) => Err(bad(format!("there is no shortcut %{other}%"), SHORTCUTS)),
        };
        Ok(Pattern(pieces.iter().enumerate().map(part).collect::<Result<_, _>>()?))
    }

    fn of(&self, image: &str, content_tag: &str) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Image => image.to_owned(),
            Part::Slug => slug::limited_slug(image, slug::DEFAULT_MAX),
            Part::SafeSlug => slug::docker_tag(image),
            Part::ContentTag => content_tag.to_owned(),
        };
        self.0.iter().map(text).collect()
    }

    /// Whether each of these images has a tag by it, and none that of another one.
    fn check(&self, flag: &'static str, text: &str, images: &[&str]) -> Result<(), BadTag> {
        let bad = |problem: String, help: String| BadTag { flag, text: text.to_owned(), problem, help };
        let mut known: HashMap<String, &str> = HashMap::new();
        for image in images {
            // as long as those that content gives
            let tag = self.of(image, &"x".repeat(64));
            if Tag::parse(&tag).is_err() {
                return Err(bad(format!("`{tag}`, for image `{image}`, is no tag of a registry"), FORM.to_owned()));
            }
            if let Some(other) = known.insert(tag.clone(), image) {
                let problem = format!("images `{other}` and `{image}` would both have the tag `{tag}`");
                return Err(bad(problem, format!("name the image in it, as in `%image%-{text}`")));
            }
        }
        Ok(())
    }
}

const SHORTCUTS: &str = "%image%, %image_slug% and %image_safe_slug% are the image's name, %image_content_based_tag% is its own tag";

const FORM: &str = "letters, digits, `_`, `.` and `-`, at most 128 of them, the first neither `.` nor `-`; %image_safe_slug% makes such of any image's name";

#[derive(Debug, Error, Diagnostic)]
#[error("{flag}: `{text}` cannot be a tag: {problem}")]
struct BadTag {
    flag: &'static str,
    text: String,
    problem: String,
    #[help]
    help: String,
}

#[derive(Debug, Error, Diagnostic)]
#[error("giterminism does not allow --use-custom-tag (WERF_USE_CUSTOM_TAG)")]
#[diagnostic(help(
    "which image has such a tag depends on more than the commit; if that is wanted, commit `cli: {{allowCustomTags: true}}` in werf-giterminism.yaml"
))]
struct NotAllowed;

#[derive(Debug, Error, Diagnostic)]
#[error("image `{image}` does not have the tag {alias}, and --require-built-images forbids to give it")]
#[diagnostic(help("run `werf build` for this commit first, with the same --repo, --env and --add-custom-tag"))]
struct Missing {
    image: String,
    alias: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(pattern: &str, image: &str) -> String {
        Pattern::read("--add-custom-tag", pattern).unwrap().of(image, "c0ffee")
    }

    #[test]
    fn shortcuts_stand_for_the_image() {
        for (pattern, expected) in [
            ("latest", "latest"),
            ("%image%-v1", "backend-v1"),
            ("v1_%image_slug%_x", "v1_backend_x"),
            ("%image_safe_slug%", "backend"),
            ("a.%image_content_based_tag%", "a.c0ffee"),
            ("% image %", "backend"),
        ] {
            assert_eq!(tag(pattern, "backend"), expected);
        }
        assert!(Tag::parse(&tag("%image_safe_slug%-1", "group/back end")).is_ok());
    }

    #[test]
    fn what_is_no_tag_is_told() {
        let mut texts = String::new();
        for (pattern, images) in
            [("%image%-1", &["group/backend"][..]), ("v1", &["a", "b"]), ("%img%-1", &["a"]), ("50%", &["a"]), ("-x", &["a"])]
        {
            let read = Pattern::read("--add-custom-tag", pattern);
            let error = read.and_then(|read| read.check("--add-custom-tag", pattern, images)).unwrap_err();
            texts += &format!("{error}\n  {}\n", error.help);
        }
        insta::assert_snapshot!(texts, @r"
        --add-custom-tag: `%image%-1` cannot be a tag: `group/backend-1`, for image `group/backend`, is no tag of a registry
          letters, digits, `_`, `.` and `-`, at most 128 of them, the first neither `.` nor `-`; %image_safe_slug% makes such of any image's name
        --add-custom-tag: `v1` cannot be a tag: images `a` and `b` would both have the tag `v1`
          name the image in it, as in `%image%-v1`
        --add-custom-tag: `%img%-1` cannot be a tag: there is no shortcut %img%
          %image%, %image_slug% and %image_safe_slug% are the image's name, %image_content_based_tag% is its own tag
        --add-custom-tag: `50%` cannot be a tag: a percent sign has no other one
          %image%, %image_slug% and %image_safe_slug% are the image's name, %image_content_based_tag% is its own tag
        --add-custom-tag: `-x` cannot be a tag: `-x`, for image `a`, is no tag of a registry
          letters, digits, `_`, `.` and `-`, at most 128 of them, the first neither `.` nor `-`; %image_safe_slug% makes such of any image's name
        ");
    }
}
