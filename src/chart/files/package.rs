//! A chart as a `.tgz` archive with the files that Helm's own packages have.
//!
//! Chart.yaml and Chart.lock are written anew from what was read; all other files keep their bytes. Subcharts lie unpacked.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};

use super::model::{Chart, Metadata};
use crate::yaml;

/// The archive's bytes; `time` is the files' time, in seconds since 1970.
pub fn archive(chart: &Chart, time: u64) -> std::io::Result<Vec<u8>> {
    let zip = GzBuilder::new().comment("Helm").write(Vec::new(), Compression::default());
    let mut tar = tar::Builder::new(zip);
    write(&mut tar, chart, "", time)?;
    let mut zip = tar.into_inner()?;
    zip.flush()?;
    zip.finish()
}

/// Chart.yaml, as it is written anew.
pub fn chart_yaml(metadata: &Metadata) -> String {
    yaml::emit(&serde_json::to_value(metadata).unwrap_or_default())
}

fn write<W: std::io::Write>(tar: &mut tar::Builder<W>, chart: &Chart, above: &str, time: u64) -> std::io::Result<()> {
    let base = format!("{above}{}", chart.name());
    let mut add = |name: &str, data: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(time);
        header.set_size(data.len() as u64);
        tar.append_data(&mut header, format!("{base}/{name}"), data)
    };
    // requirements.yaml has them, and stands among the files
    let is_v1 = chart.metadata.api_version == "v1";
    let metadata = match is_v1 {
        true => &Metadata { dependencies: Vec::new(), ..chart.metadata.clone() },
        false => &chart.metadata,
    };
    add("Chart.yaml", chart_yaml(metadata).as_bytes())?;
    if let Some(lock) = chart.lock.as_ref().filter(|_| !is_v1) {
        add("Chart.lock", yaml::emit(lock).as_bytes())?;
    }
    if let Some(values) = &chart.raw_values {
        add("values.yaml", values)?;
    }
    if let Some(schema) = &chart.schema {
        add("values.schema.json", schema)?;
    }
    for file in chart.templates.iter().chain(&chart.files) {
        add(&file.name, &file.data)?;
    }
    chart.dependencies.iter().try_for_each(|subchart| write(tar, subchart, &format!("{base}/charts/"), time))
}
