//! CustomResourceDefinition: established, so that its objects can be stored.

use serde_json::Value;

use super::json::{condition, is_true, text, why};
use super::{Related, Status};

/// The status of one definition.
pub fn status(object: &Value, _: Related<'_>) -> Status {
    let rejected = condition(object, "NamesAccepted").filter(|names| text(names, "/status") == "False");
    if let Some(rejected) = rejected {
        return Status::failed("its names are not accepted").because(why(rejected));
    }
    match is_true(object, "Established") {
        true => Status::ready("established"),
        false => Status::progressing("not established yet"),
    }
}
