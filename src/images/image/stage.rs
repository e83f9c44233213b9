//! The stages of an image, in order, each with a digest chained to the one before.

use std::sync::Arc;

use super::digest::{Digest, Fields, Purpose};
use super::inputs::Inputs;
use crate::images::git_layers::FileSet;
use crate::project::config::image::{UserStage, When};

/// The name of a stage, as werf has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StageName {
    /// The base image.
    From,
    /// Commands of a user stage, after the files that they see.
    User(UserStage),
    /// Imports and facts about other images.
    Dependencies(When),
    /// The Git files that no stage with commands saw.
    Git,
    /// Changes of the image's configuration.
    ImageSpec,
    /// A whole Dockerfile.
    Dockerfile,
}

impl StageName {
    /// The name that people and `import.stage` use.
    pub fn as_str(self) -> &'static str {
        match self {
            StageName::From => "from",
            StageName::User(stage) => user_stage(stage),
            StageName::Dependencies(When::BeforeInstall) => "dependenciesBeforeInstall",
            StageName::Dependencies(When::AfterInstall) => "dependenciesAfterInstall",
            StageName::Dependencies(When::BeforeSetup) => "dependenciesBeforeSetup",
            StageName::Dependencies(When::AfterSetup) => "dependenciesAfterSetup",
            StageName::Git => "gitArchive",
            StageName::ImageSpec => "imageSpec",
            StageName::Dockerfile => "dockerfile",
        }
    }
}

/// A user stage's key in werf.yaml.
pub fn user_stage(stage: UserStage) -> &'static str {
    match stage {
        UserStage::BeforeInstall => "beforeInstall",
        UserStage::Install => "install",
        UserStage::BeforeSetup => "beforeSetup",
        UserStage::Setup => "setup",
    }
}

/// One stage that has something to do.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Its name.
    pub name: StageName,
    /// What it adds to the stages before it.
    pub inputs: Inputs,
    /// Covers the inputs of this stage and of all before it.
    pub digest: Digest,
    /// Files that are placed at its beginning (for [`StageName::Git`], all it does).
    pub placed: Vec<Placed>,
}

/// Files of one git mapping, placed at one stage.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Index of the mapping.
    pub mapping: usize,
    /// Which files; `None` for the whole of a remote mapping, whose files are not known here.
    pub files: Option<Arc<FileSet>>,
}

/// Appends stages and chains their digests.
#[derive(Default)]
pub(super) struct Chain(pub Vec<Stage>);

impl Chain {
    pub fn push(&mut self, name: StageName, inputs: Inputs, placed: Vec<Placed>) {
        let mut fields = Fields::new(Purpose::Stage);
        fields.text("stage", name.as_str());
        if let Some(parent) = self.0.last() {
            fields.digest("parent", parent.digest);
        }
        inputs.hash_into(&mut fields);
        self.0.push(Stage { name, inputs, digest: fields.finish(), placed });
    }

    /// The digest of the image that these stages make.
    pub fn image_digest(&self) -> Digest {
        let mut fields = Fields::new(Purpose::Image);
        if let Some(last) = self.0.last() {
            fields.digest("last stage", last.digest);
        }
        fields.finish()
    }
}
