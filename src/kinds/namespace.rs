//! Namespace: active.

use serde_json::Value;

use super::json::text;
use super::{Related, State, Status};

/// The status of one Namespace.
pub fn status(object: &Value, _: Related<'_>) -> Status {
    match text(object, "/status/phase") {
        "Active" => Status::ready("active"),
        "Terminating" => Status::new(State::Terminating, "being deleted"),
        _ => Status::progressing("not active yet"),
    }
}
