//! The daemon's configuration file.

use std::collections::BTreeSet;
use std::path::Path;

/// Name of the daemon's directory in the cache. Registries are part of a daemon's configuration, so another set of insecure
/// ones is another daemon.
pub fn name(insecure_registries: &[String]) -> String {
    let set: BTreeSet<&String> = insecure_registries.iter().collect();
    if set.is_empty() {
        return "buildkit".into();
    }
    let mut hasher = blake3::Hasher::new();
    for registry in set {
        hasher.update(registry.as_bytes()).update(b"\n");
    }
    format!("buildkit-{}", &hasher.finalize().to_hex()[..8])
}

/// The file's text.
pub fn render(root: &Path, run: &Path, oci_runtime: &Path, rootless: bool, insecure_registries: &[String]) -> String {
    let text = |path: &Path| quote(&path.to_string_lossy());
    let mut lines = vec![
        format!("root = {}", text(root)),
        r#"insecure-entitlements = ["network.host"]"#.to_owned(),
        "[grpc]".to_owned(),
        format!("address = [{}]", quote(&format!("unix://{}", run.join("buildkitd.sock").display()))),
        // The default is a place that all daemons of a machine share.
        "[otel]".to_owned(),
        format!("socketPath = {}", text(&run.join("otel.sock"))),
        "[cdi]".to_owned(),
        "disabled = true".to_owned(),
        "[history]".to_owned(),
        "maxEntries = 50".to_owned(),
        "[worker.containerd]".to_owned(),
        "enabled = false".to_owned(),
        "[worker.oci]".to_owned(),
        "enabled = true".to_owned(),
        format!("rootless = {rootless}"),
        format!("binary = {}", text(oci_runtime)),
        // One rule: the oldest goes when the cache is large or the disk is nearly full. The daemon's own rules drop cache mounts
        // after two days.
        "gc = true".to_owned(),
        "[[worker.oci.gcpolicy]]".to_owned(),
        "all = true".to_owned(),
        r#"reservedSpace = "5GB""#.to_owned(),
        r#"maxUsedSpace = "50%""#.to_owned(),
        r#"minFreeSpace = "10%""#.to_owned(),
    ];
    for registry in insecure_registries.iter().collect::<BTreeSet<_>>() {
        lines.push(format!("[registry.{}]", quote(registry)));
        // Tried in this order: TLS without a check of the certificate, then none.
        lines.push("insecure = true".to_owned());
        lines.push("http = true".to_owned());
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A TOML basic string.
fn quote(text: &str) -> String {
    let escaped: String = text
        .chars()
        .flat_map(|char| match char {
            '"' | '\\' => vec!['\\', char],
            char if char.is_control() => format!("\\u{:04X}", char as u32).chars().collect(),
            char => vec![char],
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_set_of_registries_is_another_daemon() {
        let names = |registries: &[&str]| name(&registries.iter().map(|text| text.to_string()).collect::<Vec<_>>());
        assert_eq!(names(&[]), "buildkit");
        assert_eq!(names(&["a:1", "b:2"]), names(&["b:2", "a:1", "a:1"]));
        assert_ne!(names(&["a:1"]), names(&["b:2"]));
    }

    #[test]
    fn texts_are_quoted() {
        assert_eq!(quote("a\"b\\c\n"), r#""a\"b\\c\u000A""#);
        let text = render(Path::new("/r"), Path::new("/s"), Path::new("/usr/bin/runc"), true, &["h:1".into()]);
        assert!(text.contains("[registry.\"h:1\"]\ninsecure = true\nhttp = true\n"), "{text}");
    }
}
