//! What a checkout does to a blob's bytes: plain data, which is part of what a file is.
//!
//! Which file has which conversion is told by the commit's attributes (gitattributes(5)); `project::git` reads them and converts.

use std::sync::Arc;

use super::ObjectId;

/// How a file's bytes differ from its blob's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Conversion {
    /// Text that is written in another form: the steps in the order in which Git takes them.
    Text {
        /// `$Id$` becomes `$Id: ` with the blob's id.
        ident: bool,
        /// Line endings.
        eol: Eol,
        /// The `working-tree-encoding`, upper case; `None` is UTF-8.
        encoding: Option<Arc<str>>,
    },
    /// `filter=lfs`: the blob is a pointer of Git LFS, the content is elsewhere.
    Lfs,
    /// `filter=NAME`: a program of that name would make the content. None is ever run.
    Program(Arc<str>),
}

/// Line endings of a checkout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Eol {
    /// As the blob has them.
    #[default]
    AsIs,
    /// `\r\n` where the blob has `\n`.
    Crlf,
    /// The same, if the blob looks like text and has no `\r` yet.
    AutoCrlf,
}

impl Conversion {
    /// An id for the bytes that this conversion makes of a blob, without making them. The same blob by the same conversion has the same id
    /// on every machine.
    pub(super) fn id_of(&self, blob: ObjectId) -> ObjectId {
        let mut hasher = blake3::Hasher::new_derive_key("werf converted blob v1");
        hasher.update(&blob.0);
        match self {
            Conversion::Text { ident, eol, encoding } => {
                let eol = match eol {
                    Eol::AsIs => b'-',
                    Eol::Crlf => b'c',
                    Eol::AutoCrlf => b'a',
                };
                hasher.update(&[b't', u8::from(*ident), eol]).update(encoding.as_deref().unwrap_or_default().as_bytes());
            }
            Conversion::Lfs => {
                hasher.update(b"l");
            }
            Conversion::Program(name) => {
                hasher.update(b"p").update(name.as_bytes());
            }
        }
        let mut id = [0; 20];
        hasher.finalize_xof().fill(&mut id);
        ObjectId(id)
    }
}
