//! Service: there is an address if it asks for a load balancer.

use serde_json::Value;

use super::json::{count, items, text, texts};
use super::row::{Derived, Owner};
use super::{Related, Status};

/// The status of one Service.
pub fn status(object: &Value, _: Related<'_>) -> Status {
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

/// Ports that are open on every node, and the address. A number counts once for each protocol.
pub fn holds(object: &Value) -> Vec<String> {
    let protocol = |port: &Value| match text(port, "/protocol") {
        "UDP" => "UDP",
        _ => "TCP",
    };
    let ports = items(object, "/spec/ports").iter().map(|port| (count(port, "/nodePort"), protocol(port)));
    let ports = ports.chain([(count(object, "/spec/healthCheckNodePort"), "TCP")]).filter(|(port, _)| *port != 0);
    let address = Some(text(object, "/spec/clusterIP")).filter(|address| !matches!(*address, "" | "None"));
    ports.map(|(port, protocol)| format!("{port}/{protocol}")).chain(address.map(str::to_owned)).collect()
}

/// A time-out is filled in for `ClientIP` and refused for `None`.
pub fn derived(wanted: &Value, live: &Value) -> Vec<Derived> {
    let is_left = |object: &Value| object["spec"]["sessionAffinityConfig"].is_null();
    let stays = wanted["spec"]["sessionAffinity"] != "ClientIP" && is_left(wanted) && !is_left(live);
    if stays { vec![Derived::field(&["spec", "sessionAffinityConfig"], Owner::Anyone)] } else { Vec::new() }
}
