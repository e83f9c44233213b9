//! Where people reach what a release serves: hosts of Ingresses and HTTPRoutes, addresses of Services, else the way that kubectl makes.

use serde_json::Value;

use super::json::{items, name, number, text, texts};

/// Whether an object says where something is reached.
pub fn is_place(object: &Value) -> bool {
    matches!(text(object, "/kind"), "Ingress" | "HTTPRoute" | "Gateway" | "Service")
}

/// Whether only its live state says where: an address that the cluster gives.
pub fn is_given_address(object: &Value) -> bool {
    match text(object, "/kind") {
        "Service" => text(object, "/spec/type") == "LoadBalancer",
        "Ingress" => items(object, "/spec/rules").iter().all(|rule| text(rule, "/host").is_empty()),
        _ => false,
    }
}

/// Where the objects of a release are reached, as URLs and addresses with what they are of. Where nothing leads in from outside it is the
/// command that makes a way to a Service of theirs.
pub fn places(objects: &[Value], namespace: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for object in objects {
        let here = match text(object, "/kind") {
            "Ingress" => of_ingress(object),
            "HTTPRoute" => of_route(object, objects),
            "Service" if text(object, "/spec/type") == "LoadBalancer" => of_balancer(object),
            _ => Vec::new(),
        };
        for place in here {
            let place = format!("{place} ({}/{})", text(object, "/kind"), name(object));
            if !found.contains(&place) {
                found.push(place);
            }
        }
    }
    if found.is_empty() {
        found.extend(objects.iter().find_map(|object| forward(object, namespace)));
    }
    found
}

fn of_ingress(object: &Value) -> Vec<String> {
    let secured = items(object, "/spec/tls");
    let scheme = |host: &str| {
        let covers = |tls: &Value| {
            let hosts = texts(tls, "/hosts");
            hosts.is_empty() || hosts.iter().any(|secured| matches_host(secured, host))
        };
        if secured.iter().any(covers) { "https" } else { "http" }
    };
    let of_rule = |rule: &Value| {
        let path = path_of(items(rule, "/http/paths").iter().map(|path| text(path, "/path")));
        match text(rule, "/host") {
            "" => addresses(object).iter().map(|address| format!("{}://{address}{path}", scheme(""))).collect(),
            host => vec![format!("{}://{host}{path}", scheme(host))],
        }
    };
    match items(object, "/spec/rules") {
        [] => of_rule(&Value::Null),
        rules => rules.iter().flat_map(of_rule).collect(),
    }
}

/// The host of a certificate covers another: the same, or one label deeper where it begins with `*.`.
fn matches_host(pattern: &str, host: &str) -> bool {
    pattern == host
        || pattern.strip_prefix("*.").is_some_and(|parent| host.split_once('.').is_some_and(|(label, rest)| label != "*" && rest == parent))
}

/// The shortest of the paths; one that is a pattern leads nowhere by itself.
fn path_of<'a>(paths: impl Iterator<Item = &'a str>) -> &'a str {
    let plain = |path: &&str| path.starts_with('/') && path.chars().all(|c| c.is_ascii_alphanumeric() || "/-._~%".contains(c));
    paths.filter(plain).min_by_key(|path| path.len()).unwrap_or("/")
}

/// Hosts of a route. Whether they are reached by TLS is known where their Gateway is of the same release.
fn of_route(object: &Value, all: &[Value]) -> Vec<String> {
    let parents = items(object, "/spec/parentRefs");
    let is_gateway = |gateway: &&Value| text(gateway, "/kind") == "Gateway";
    let listeners = parents.iter().flat_map(|parent| {
        let gateway = all.iter().filter(is_gateway).find(|gateway| name(gateway) == text(parent, "/name"));
        let section = text(parent, "/sectionName");
        let listeners = gateway.map(|gateway| items(gateway, "/spec/listeners")).unwrap_or_default();
        listeners.iter().filter(move |listener| section.is_empty() || text(listener, "/name") == section)
    });
    let protocols: Vec<&str> = listeners.map(|listener| text(listener, "/protocol")).collect();
    let scheme = match () {
        () if protocols.contains(&"HTTPS") => "https://",
        () if protocols.contains(&"HTTP") => "http://",
        () => "",
    };
    texts(object, "/spec/hostnames")
        .iter()
        .map(|host| if scheme.is_empty() { (*host).into() } else { format!("{scheme}{host}/") })
        .collect()
}

fn of_balancer(object: &Value) -> Vec<String> {
    let ports: Vec<i64> = items(object, "/spec/ports").iter().filter_map(|port| number(port, "/port")).collect();
    let at = |address: &str| ports.iter().map(|port| format!("{address}:{port}")).collect::<Vec<_>>();
    addresses(object).iter().flat_map(|address| at(address)).collect()
}

/// The addresses that the cluster gave an object, as they stand in a URL.
fn addresses(object: &Value) -> Vec<String> {
    let of = |given: &Value| match (text(given, "/hostname"), text(given, "/ip")) {
        ("", ip) if ip.contains(':') => format!("[{ip}]"),
        ("", ip) => ip.to_owned(),
        (host, _) => host.to_owned(),
    };
    items(object, "/status/loadBalancer/ingress").iter().map(of).filter(|address| !address.is_empty()).collect()
}

/// `kubectl port-forward` to a Service that has pods and a TCP port. Ports that only root may listen at are reached 8000 higher.
fn forward(object: &Value, namespace: &str) -> Option<String> {
    let is_service = text(object, "/kind") == "Service" && text(object, "/spec/type") != "ExternalName";
    if !is_service || object.pointer("/spec/selector").is_none_or(Value::is_null) {
        return None;
    }
    let is_tcp = |port: &&Value| matches!(text(port, "/protocol"), "" | "TCP");
    let port = items(object, "/spec/ports").iter().filter(is_tcp).find_map(|port| number(port, "/port"))?;
    let local = if port < 1024 { port + 8000 } else { port };
    let own = text(object, "/metadata/namespace");
    let namespace = if own.is_empty() { namespace } else { own };
    Some(format!("kubectl -n {namespace} port-forward service/{} {local}:{port}", name(object)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hosts_with_their_schemes() {
        let ingress = json!({"kind": "Ingress", "metadata": {"name": "shop"}, "spec": {
            "tls": [{"hosts": ["shop.example.org", "*.apps.example.org"]}],
            "rules": [
                {"host": "shop.example.org", "http": {"paths": [{"path": "/api/v1"}, {"path": "/"}]}},
                {"host": "a.apps.example.org", "http": {"paths": [{"path": "/deep(/|$)(.*)"}]}},
                {"host": "a.b.apps.example.org", "http": {"paths": [{"path": "/only"}]}},
            ],
        }});
        let gateway = json!({"kind": "Gateway", "metadata": {"name": "edge"}, "spec": {"listeners": [
            {"name": "plain", "protocol": "HTTP"}, {"name": "tls", "protocol": "HTTPS"},
        ]}});
        let route = |name: &str, parent: Value| json!({"kind": "HTTPRoute", "metadata": {"name": name}, "spec": {"parentRefs": [parent], "hostnames": [format!("{name}.example.org")]}});
        let routes = [
            route("any", json!({"name": "edge"})),
            route("plain", json!({"name": "edge", "sectionName": "plain"})),
            route("foreign", json!({"name": "elsewhere"})),
        ];
        let objects: Vec<Value> = [ingress, gateway].into_iter().chain(routes).collect();
        assert_eq!(
            places(&objects, "shop"),
            [
                "https://shop.example.org/ (Ingress/shop)",
                "https://a.apps.example.org/ (Ingress/shop)",
                "http://a.b.apps.example.org/only (Ingress/shop)",
                "https://any.example.org/ (HTTPRoute/any)",
                "http://plain.example.org/ (HTTPRoute/plain)",
                "foreign.example.org (HTTPRoute/foreign)",
            ]
        );
    }

    #[test]
    fn addresses_that_the_cluster_gave() {
        let status = json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}, {"ip": "2001:db8::7"}, {"hostname": "lb.example.org"}]}});
        let service = json!({"kind": "Service", "metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 443}]}, "status": status});
        let ingress = json!({"kind": "Ingress", "metadata": {"name": "all"}, "spec": {"defaultBackend": {}}, "status": status});
        assert!(is_given_address(&service) && is_given_address(&ingress));
        assert_eq!(
            places(&[service, ingress], "shop"),
            [
                "203.0.113.7:443 (Service/web)",
                "[2001:db8::7]:443 (Service/web)",
                "lb.example.org:443 (Service/web)",
                "http://203.0.113.7/ (Ingress/all)",
                "http://[2001:db8::7]/ (Ingress/all)",
                "http://lb.example.org/ (Ingress/all)",
            ]
        );
    }

    #[test]
    fn without_a_way_in_the_command_that_makes_one() {
        let service = |name: &str, spec: Value| json!({"kind": "Service", "metadata": {"name": name}, "spec": spec});
        let outside = service("outside", json!({"type": "ExternalName", "externalName": "example.org"}));
        let dns = service("dns", json!({"selector": {"a": "b"}, "ports": [{"port": 53, "protocol": "UDP"}]}));
        let web = service("web", json!({"selector": {"a": "b"}, "ports": [{"port": 80}]}));
        assert_eq!(places(&[outside.clone(), dns.clone(), web], "shop"), ["kubectl -n shop port-forward service/web 8080:80"]);
        assert_eq!(places(&[outside, dns], "shop"), Vec::<String>::new());
    }
}
