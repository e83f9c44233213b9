//! NetworkPolicy: which directions it restricts.

use serde_json::Value;

use super::row::{Derived, Owner};

/// Which directions are restricted follows from the rules where nobody says it.
pub fn derived(wanted: &Value, live: &Value) -> Vec<Derived> {
    let egress = wanted["spec"]["egress"].as_array().is_some_and(|rules| !rules.is_empty());
    let types = live["spec"]["policyTypes"].as_array().filter(|_| wanted["spec"]["policyTypes"].is_null());
    let differ = types.is_some_and(|types| types.iter().any(|kind| kind == "Egress") != egress);
    if differ { vec![Derived::field(&["spec", "policyTypes"], Owner::Anyone)] } else { Vec::new() }
}
