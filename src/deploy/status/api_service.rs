//! APIService: the server behind it answers.

use serde_json::Value;

use super::Status;
use super::json::{condition, is_true, why};

/// The status of one APIService.
pub fn status(object: &Value) -> Status {
    match is_true(object, "Available") {
        true => Status::ready("available"),
        false => Status::progressing("not available").because(condition(object, "Available").and_then(why)),
    }
}
