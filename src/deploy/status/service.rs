//! Service: there is an address if it asks for a load balancer.

use serde_json::Value;

use super::Status;
use super::json::{items, text, texts};

/// The status of one Service.
pub fn status(object: &Value) -> Status {
    if text(object, "/spec/type") != "LoadBalancer" {
        return Status::ready("created");
    }
    let ingress = items(object, "/status/loadBalancer/ingress");
    let addresses: Vec<&str> = ingress
        .iter()
        .map(|entry| [text(entry, "/ip"), text(entry, "/hostname")])
        .filter_map(|names| names.into_iter().find(|name| !name.is_empty()))
        .collect();
    if !addresses.is_empty() {
        return Status::ready(format!("reachable at {}", addresses.join(", ")));
    }
    match texts(object, "/spec/externalIPs") {
        external if external.is_empty() => Status::progressing("waits for the address of its load balancer"),
        external => Status::ready(format!("reachable at {}", external.join(", "))),
    }
}
