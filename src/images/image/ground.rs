//! What lies where files go: facts about a file system that only the builder has.
//!
//! Files go into the directories that an image has: these keep their owners and modes, links lead where they lead, and names of owners are
//! those of the image's own accounts. So [`super::compile()`] asks, of a state that the graph has so far, and goes on when the
//! answers are there. Nothing is asked of an empty file system.

use std::collections::BTreeMap;

use crate::images::llb::State;

/// One question about a file system. Directories are absolute and reached through no link.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// What has this name in a directory.
    Entry {
        /// The directory.
        directory: String,
        /// One part of a path.
        name: String,
    },
    /// All that is in a directory.
    Children {
        /// The directory.
        directory: String,
    },
    /// The bytes of a file.
    File {
        /// Absolute path.
        path: String,
    },
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What was found; for [`Question::Entry`] one or none. In the order of names.
    Entries(Vec<Found>),
    /// The bytes of a file; `None` where there is none.
    File(Option<Vec<u8>>),
}

/// Something in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, the upper three included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What something in a directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A symbolic link with its target.
    Link(String),
    /// Anything else.
    Other,
}

/// The answers that are there so far, by the digest of the state that they are about.
#[derive(Clone, Debug, Default)]
pub struct Ground(BTreeMap<(String, Question), Answer>);

/// Questions that must be answered before an image can be compiled.
#[derive(Clone, Debug)]
pub struct Look {
    /// The file system that they are about.
    pub state: State,
    /// At least one.
    pub questions: Vec<Question>,
}

impl Ground {
    /// Takes an answer. `state` is the digest of the state that was asked about.
    pub fn learn(&mut self, state: &str, question: Question, answer: Answer) {
        self.0.insert((state.to_owned(), question), answer);
    }

    /// The answers to some questions about a state, in their order.
    ///
    /// # Errors
    /// Those that are not known yet.
    pub(super) fn ask(&self, state: &State, questions: Vec<Question>) -> Result<Vec<Answer>, Look> {
        let Some(digest) = state.digest() else { return Ok(questions.iter().map(nothing).collect()) };
        let answer = |question: &Question| self.0.get(&(digest.to_owned(), question.clone())).cloned();
        let known: Vec<Option<Answer>> = questions.iter().map(answer).collect();
        match known.iter().all(Option::is_some) {
            true => Ok(known.into_iter().flatten().collect()),
            false => {
                let open = questions.into_iter().zip(known).filter(|(_, known)| known.is_none()).map(|(question, _)| question);
                Err(Look { state: state.clone(), questions: open.collect() })
            }
        }
    }
}

/// The answer of a file system that is empty.
fn nothing(question: &Question) -> Answer {
    match question {
        Question::Entry { .. } | Question::Children { .. } => Answer::Entries(Vec::new()),
        Question::File { .. } => Answer::File(None),
    }
}
