//! Charts rendered through the room's public face, against what Helm 3.22.0 prints for the same charts (`fixtures/charts/golden.sh`).

use std::path::Path;
use std::sync::Arc;

use werf::chart::{self, Capabilities, Defaults, Operation, PrintOptions, Release, RenderInput, RenderOptions, Rendered, ValueLayers};
use werf::file_tree::{MemoryTree, Mode};
use werf::template::host::NoHost;

struct Case {
    chart: &'static str,
    variant: u8,
    settings: fn(&mut ValueLayers),
    capabilities: fn(Capabilities) -> Capabilities,
    release: fn(&mut Release),
}

const PLAIN: Case = Case { chart: "", variant: 0, settings: |_| {}, capabilities: |capabilities| capabilities, release: |_| {} };

const CASES: &[Case] = &[
    Case { chart: "shop-api", ..PLAIN },
    Case {
        chart: "shop-api",
        variant: 1,
        capabilities: |capabilities| {
            let capabilities = capabilities.with_kube_version("1.30.1", chart::HelmCompat::Three).expect("a version");
            capabilities.with_api_versions(["monitoring.coreos.com/v1".to_owned()])
        },
        ..PLAIN
    },
    Case {
        chart: "shop-api",
        variant: 2,
        settings: |layers| {
            layers.set = vec!["replicaCount=5,database.port=6432".into()];
            layers.set_string = vec!["service.ports.http=8080".into()];
        },
        ..PLAIN
    },
    Case { chart: "umbrella", ..PLAIN },
    Case { chart: "umbrella", variant: 1, ..PLAIN },
    Case {
        chart: "umbrella",
        variant: 2,
        settings: |layers| {
            layers.set = vec!["global.list={a,1,true}".into()];
            layers.set_json = vec![r#"web={"enabled":true,"port":8}"#.into()];
            layers.set_literal = vec!["mailer.queue=a,b=c".into()];
        },
        ..PLAIN
    },
    Case { chart: "operator", ..PLAIN },
    Case {
        chart: "operator",
        variant: 1,
        release: |release| {
            release.namespace = "databases".into();
            release.operation = Operation::Upgrade;
        },
        ..PLAIN
    },
    Case { chart: "operator", variant: 2, ..PLAIN },
    Case { chart: "ingress-controller", ..PLAIN },
    Case { chart: "ingress-controller", variant: 1, ..PLAIN },
    Case { chart: "ingress-controller", variant: 2, ..PLAIN },
    Case { chart: "starter", ..PLAIN },
    Case { chart: "starter", variant: 1, ..PLAIN },
    Case { chart: "starter", variant: 2, ..PLAIN },
];

fn fixtures() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/charts"))
}

fn tree(root: &Path) -> MemoryTree {
    fn add(root: &Path, dir: &Path, tree: &mut MemoryTree) {
        for entry in std::fs::read_dir(dir).expect("a fixture") {
            let path = entry.expect("a fixture").path();
            if path.is_dir() {
                add(root, &path, tree);
            } else {
                let name = path.strip_prefix(root).expect("below the root").to_str().expect("UTF-8").to_owned();
                tree.insert(name, Mode::File, Arc::<[u8]>::from(std::fs::read(&path).expect("a fixture")));
            }
        }
    }
    let mut tree = MemoryTree::default();
    add(root, root, &mut tree);
    tree
}

fn layers(case: &Case) -> ValueLayers {
    let mut layers = ValueLayers { precedence: chart::Precedence::Helm, ..ValueLayers::default() };
    if case.variant > 0 {
        let name = format!("variants/{}-{}.yaml", case.chart, case.variant);
        let text = std::fs::read_to_string(fixtures().join(&name)).expect("a fixture");
        layers.files.push(chart::ValuesFile { name, text: text.into() });
    }
    (case.settings)(&mut layers);
    layers
}

fn release() -> Release {
    Release { name: "rel".into(), namespace: "default".into(), revision: 1, operation: Operation::Install }
}

fn render(case: &Case) -> Rendered {
    let chart = chart::load(&tree(&fixtures().join(case.chart)), "", &Defaults::default()).expect("a chart");
    let mut release = release();
    (case.release)(&mut release);
    let input = RenderInput {
        release,
        values: &layers(case),
        service: None,
        capabilities: &(case.capabilities)(Capabilities::default()),
        options: RenderOptions::default(),
        host: &NoHost,
    };
    chart::render(&chart, &input).unwrap_or_else(|error| panic!("{}-{}: {error}", case.chart, case.variant))
}

#[test]
fn charts_render_byte_for_byte_as_with_helm() {
    for case in CASES {
        let ours = chart::print(&render(case), &PrintOptions { include_crds: true, ..PrintOptions::default() }).unwrap();
        let golden = format!("golden/{}-{}.yaml", case.chart, case.variant);
        let helms = std::fs::read_to_string(fixtures().join(&golden)).expect("a golden file");
        if ours != helms {
            let diff = similar::TextDiff::from_lines(&helms, &ours);
            panic!("{golden} differs:\n{}", diff.unified_diff().header("helm", "werf"));
        }
    }
}

#[test]
fn rendering_twice_gives_the_same() {
    for case in CASES.iter().filter(|case| case.variant == 1) {
        let (first, second) = (render(case), render(case));
        assert_eq!(first.manifests, second.manifests, "{}", case.chart);
        assert_eq!(first.values, second.values, "{}", case.chart);
    }
}
