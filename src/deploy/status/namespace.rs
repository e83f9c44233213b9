//! Namespace: active.

use serde_json::Value;

use super::json::text;
use super::{State, Status};

/// The status of one Namespace.
pub fn status(object: &Value) -> Status {
    match text(object, "/status/phase") {
        "Active" => Status::ready("active"),
        "Terminating" => Status::new(State::Terminating, "being deleted"),
        _ => Status::progressing("not active yet"),
    }
}
