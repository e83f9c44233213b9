//! APIService: the server behind it answers.

use serde_json::Value;

use super::json::{condition, is_true, why};
use super::{Related, Status};

/// The status of one APIService.
pub fn status(object: &Value, _: Related<'_>) -> Status {
    match is_true(object, "Available") {
        true => Status::ready("available"),
        false => Status::progressing("not available").because(condition(object, "Available").and_then(why)),
    }
}
