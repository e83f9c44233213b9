//! Charts in a fake repository: archives, their index, and charts in a fake registry.

use flate2::Compression;
use flate2::write::GzEncoder;
use werf::registry::Digest;

use super::fake_registry::FakeRegistry;

/// An archive of a chart with one template that prints its name and version.
pub fn packed(name: &str, version: &str) -> Vec<u8> {
    let metadata = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    let template = "kind: ConfigMap\nmetadata: {name: {{ .Chart.Name }}-{{ .Chart.Version }}}\n";
    packed_files(&[(&format!("{name}/Chart.yaml"), &metadata), (&format!("{name}/templates/map.yaml"), template)])
}

/// An archive of these files.
pub fn packed_files(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, text.as_bytes()).expect("a file");
    }
    tar.into_inner().and_then(GzEncoder::finish).expect("an archive")
}

/// Makes a server the repository of these charts, at `/charts`; gives its URL.
pub fn publish(server: &FakeRegistry, charts: &[(&str, &str)]) -> String {
    let mut index = "apiVersion: v1\nentries:\n".to_owned();
    for (name, version) in charts {
        let archive = packed(name, version);
        let digest = Digest::of(&archive).to_string().replace("sha256:", "");
        if !index.contains(&format!("  {name}:\n")) {
            index.push_str(&format!("  {name}:\n"));
        }
        index.push_str(&format!("  - {{name: {name}, version: {version}, urls: [{name}-{version}.tgz], digest: {digest}}}\n"));
        server.file(&format!("/charts/{name}-{version}.tgz"), archive);
    }
    server.file("/charts/index.yaml", index);
    format!("http://{}/charts", server.address)
}

/// Stores a chart in the registry as `helm push` does; gives the repository above it as `oci://…`.
pub fn push(server: &FakeRegistry, name: &str, version: &str) -> String {
    let archive = packed(name, version);
    let layer = Digest::of(&archive);
    server.bytes(archive.clone());
    let config = server.blob(&format!(r#"{{"name":"{name}","version":"{version}"}}"#));
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": config.to_string(), "size": 1},
        "layers": [{"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": layer.to_string(), "size": archive.len()}],
    });
    let kind = "application/vnd.oci.image.manifest.v1+json";
    server.put(&format!("team/{name}"), &version.replace('+', "_"), kind, &manifest.to_string());
    format!("oci://{}/team", server.address)
}
