//! Digests, stages, needs and compiled graphs of images over trees in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::ground::{Answer, Found, Ground, Kind, Question};
use super::undeclared::undeclared;
use super::*;
use crate::file_tree::{MemoryTree, Mode};
use crate::images::git_layers::MemoryCache;
use crate::images::llb::SourceFile;
use crate::platform::Platform;
use crate::project::config::Config;
use crate::project::config::image::*;
use crate::project::config::meta::{BuildDefaults, Cleanup, Deploy, Meta};

fn config(images: Vec<Image>) -> Config {
    let cleanup = Cleanup {
        disable: false,
        disable_kubernetes_based_policy: false,
        disable_git_history_based_policy: false,
        disable_built_within_last_n_hours_policy: false,
        keep_images_built_within: std::time::Duration::from_secs(7200),
        keep_policies: Vec::new(),
    };
    let meta = Meta {
        project: "shop".into(),
        build: BuildDefaults::default(),
        deploy: Deploy::default(),
        cleanup,
        git_worktree: Default::default(),
    };
    let rendered = (1..40).map(|line| format!("# line {line}\n")).collect::<String>();
    Config { meta, images, rendered: rendered.into(), warnings: Vec::new(), mentions: Default::default() }
}

fn image(name: &str, recipe: Recipe) -> Image {
    Image {
        name: name.into(),
        is_final: true,
        platform: Vec::new(),
        cache_version: None,
        network: None,
        secrets: Vec::new(),
        dependencies: Vec::new(),
        image_spec: None,
        recipe,
        at: Location { file: "werf.yaml".into(), line: 3, span: 0..8 },
    }
}

fn command(text: &str, line: usize) -> Command {
    Command { text: text.into(), at: Location { file: "werf.yaml".into(), line, span: 0..0 } }
}

fn mapping(add: &str, to: &str) -> GitMapping {
    GitMapping {
        add: add.into(),
        to: to.into(),
        owner: None,
        group: None,
        include_paths: Vec::new(),
        exclude_paths: Vec::new(),
        stage_dependencies: BTreeMap::new(),
        remote: None,
        at: Location::default(),
    }
}

fn stapel(from: From, git: Vec<GitMapping>, commands: &[(UserStage, &[&str])]) -> Stapel {
    let stage = |(stage, texts): &(UserStage, &[&str])| {
        let commands = texts.iter().enumerate().map(|(at, text)| command(text, 10 + at)).collect();
        (*stage, ShellStage { cache_version: None, commands })
    };
    Stapel {
        from,
        from_at: Default::default(),
        from_latest: false,
        from_cache_version: None,
        git,
        shell: Shell { cache_version: None, stages: commands.iter().map(stage).collect() },
        imports: Vec::new(),
        mounts: Vec::new(),
    }
}

fn import(from: From, when: When) -> Import {
    Import {
        from,
        stage: None,
        when,
        add: "/out".into(),
        to: "/app/out".into(),
        owner: None,
        group: None,
        include_paths: Vec::new(),
        exclude_paths: Vec::new(),
        at: Location::default(),
    }
}

fn dockerfile(context: &str) -> Dockerfile {
    Dockerfile {
        dockerfile: "Dockerfile".into(),
        dockerfile_at: Location { file: "werf.yaml".into(), line: 5, span: 9..17 },
        context: context.into(),
        context_add_files: Vec::new(),
        target: None,
        target_at: Location::default(),
        args: BTreeMap::new(),
        add_host: Vec::new(),
    }
}

/// A Stapel image with two mappings, commands in three stages and declared dependencies.
fn backend() -> Image {
    let mut main = mapping("", "/app");
    main.stage_dependencies = [(UserStage::Install, vec!["package*.json".into()]), (UserStage::Setup, vec!["src".into()])].into();
    main.exclude_paths = vec!["assets".into(), "Dockerfile".into()];
    let commands: [(UserStage, &[&str]); 3] = [
        (UserStage::BeforeInstall, &["apk add node"]),
        (UserStage::Install, &["cd /app", "npm ci"]),
        (UserStage::Setup, &["npm run build"]),
    ];
    image(
        "backend",
        Recipe::Stapel(Box::new(stapel(From::Reference("alpine:3".into()), vec![main, mapping("assets", "/srv/assets")], &commands))),
    )
}

fn files() -> MemoryTree {
    MemoryTree::new([
        ("Dockerfile", "FROM nginx:1\nCOPY web /www\n"),
        ("README.md", "read"),
        ("assets/logo.svg", "svg"),
        ("package-lock.json", "{}"),
        ("package.json", "{}"),
        ("src/a.js", "a"),
        ("src/b.js", "b"),
        ("web/index.html", "<html>"),
    ])
}

fn tree(images: Vec<Image>, files: &MemoryTree) -> ImageTree {
    ImageTree::new(Arc::new(config(images)), Arc::new(files.clone()), &Options::default()).unwrap()
}

fn stages(tree: &ImageTree, name: &str) -> Vec<String> {
    let (_, node) = tree.get(name).unwrap();
    let files = |stage: &stage::Stage| -> String { stage.placed().iter().map(|placed| format!(" {:?}", placed.files)).collect() };
    node.stages.iter().map(|stage| format!("{}{}", stage.name().as_str(), files(stage))).collect()
}

#[test]
fn files_come_where_they_are_seen_first_and_only_once() {
    // The second mapping declares nothing, so `install` sees all of it.
    let expect = [
        "from",
        "beforeInstall",
        "install [\"package-lock.json\", \"package.json\"] [\"logo.svg\"]",
        "setup [\"src/a.js\", \"src/b.js\"]",
        "gitArchive [\"README.md\", \"web/index.html\"]",
    ];
    assert_eq!(stages(&tree(vec![backend()], &files()), "backend"), expect);
}

#[test]
fn without_commands_files_come_right_after_the_base() {
    let mut recipe = stapel(From::Reference("nginx".into()), vec![mapping("web", "/www")], &[]);
    recipe.imports.push(import(From::Reference("busybox:1".into()), When::BeforeInstall));
    let one = image("web", Recipe::Stapel(Box::new(recipe)));
    assert_eq!(stages(&tree(vec![one], &files()), "web"), ["from", "gitArchive [\"index.html\"]", "dependenciesBeforeInstall"]);
}

#[test]
fn rest_of_the_files_comes_before_later_imports() {
    let mut recipe = stapel(From::Scratch, vec![mapping("web", "/www")], &[(UserStage::BeforeInstall, &["true"])]);
    recipe.imports.push(import(From::Reference("busybox:1".into()), When::AfterSetup));
    let one = image("web", Recipe::Stapel(Box::new(recipe)));
    assert_eq!(
        stages(&tree(vec![one], &files()), "web"),
        ["from", "beforeInstall", "gitArchive [\"index.html\"]", "dependenciesAfterSetup"]
    );
}

#[test]
fn a_mapping_gives_way_to_one_below_it() {
    let one = image("web", Recipe::Stapel(Box::new(stapel(From::Scratch, vec![mapping("", "/app"), mapping("assets", "/app/src")], &[]))));
    let found = stages(&tree(vec![one], &files()), "web").join("\n");
    assert!(!found.contains("src/a.js") && found.contains("logo.svg") && found.contains("package.json"), "{found}");
}

#[test]
fn one_file_may_be_mapped() {
    let one = image("web", Recipe::Stapel(Box::new(stapel(From::Scratch, vec![mapping("web/index.html", "/i.html")], &[]))));
    assert_eq!(stages(&tree(vec![one], &files()), "web"), ["from", "gitArchive [\"\"]"]);
}

type Edit = (&'static str, fn(&mut Image, &mut MemoryTree));

fn stapel_of(image: &mut Image) -> &mut Stapel {
    match &mut image.recipe {
        Recipe::Stapel(stapel) => stapel,
        Recipe::Dockerfile(_) => panic!("a Dockerfile image"),
    }
}

#[test]
fn every_input_changes_the_digest() {
    let edits: &[Edit] = &[
        ("platform", |image, _| image.platform = vec!["linux/arm64".into()]),
        ("cacheVersion", |image, _| image.cache_version = Some("2".into())),
        ("network", |image, _| image.network = Some("none".into())),
        ("secret", |image, _| image.secrets.push(Secret { id: "token".into(), source: SecretSource::Value("x".into()) })),
        ("imageSpec", |image, _| image.image_spec = Some(ImageSpec { user: Some("app".into()), ..Default::default() })),
        ("empty cmd", |image, _| image.image_spec = Some(ImageSpec { cmd: Some(Vec::new()), ..Default::default() })),
        ("base", |image, _| stapel_of(image).from = From::Reference("alpine:4".into())),
        ("fromCacheVersion", |image, _| stapel_of(image).from_cache_version = Some("1".into())),
        ("shell.cacheVersion", |image, _| stapel_of(image).shell.cache_version = Some("1".into())),
        ("command", |image, _| stapel_of(image).shell.stages.get_mut(&UserStage::Install).unwrap().commands[1].text = "npm i".into()),
        ("command removed", |image, _| drop(stapel_of(image).shell.stages.get_mut(&UserStage::Install).unwrap().commands.pop())),
        ("commands split otherwise", |image, _| {
            let commands = &mut stapel_of(image).shell.stages.get_mut(&UserStage::Install).unwrap().commands;
            let last = commands.pop().unwrap();
            commands[0].text = format!("{}\n{}", commands[0].text, last.text);
        }),
        ("stage's cacheVersion", |image, _| {
            stapel_of(image).shell.stages.get_mut(&UserStage::Setup).unwrap().cache_version = Some("1".into())
        }),
        ("stage moved", |image, _| {
            let shell = &mut stapel_of(image).shell.stages;
            let moved = shell.remove(&UserStage::Setup).unwrap();
            shell.insert(UserStage::BeforeSetup, moved);
        }),
        ("to", |image, _| stapel_of(image).git[0].to = "/app2".into()),
        ("owner", |image, _| stapel_of(image).git[0].owner = Some("1".into())),
        ("group", |image, _| stapel_of(image).git[0].group = Some("1".into())),
        ("includePaths", |image, _| stapel_of(image).git[0].include_paths = vec!["src".into()]),
        ("excludePaths", |image, _| stapel_of(image).git[0].exclude_paths.push("src/a.js".into())),
        ("stageDependencies", |image, _| drop(stapel_of(image).git[0].stage_dependencies.remove(&UserStage::Install))),
        ("import", |image, _| stapel_of(image).imports.push(import(From::Reference("busybox:1".into()), When::AfterInstall))),
        ("mount", |image, _| stapel_of(image).mounts.push(Mount { from: MountSource::BuildDir, to: "/cache".into() })),
        ("file changed", |_, files| files.insert("src/a.js", Mode::File, *b"A")),
        ("file added", |_, files| files.insert("new", Mode::File, *b"")),
        ("mode", |_, files| files.insert("src/a.js", Mode::Executable, *b"a")),
        ("link", |_, files| files.insert("src/a.js", Mode::Symlink, *b"a")),
        ("other mapping's file", |_, files| files.insert("assets/logo.svg", Mode::File, *b"SVG")),
    ];
    let base = tree(vec![backend()], &files());
    let mut seen: BTreeMap<String, &str> = [(base.tag("backend").unwrap(), "nothing")].into();
    for (name, edit) in edits {
        let (mut image, mut files) = (backend(), files());
        edit(&mut image, &mut files);
        let edited = tree(vec![image], &files);
        let same = seen.insert(edited.tag("backend").unwrap(), name);
        assert_eq!(same, None, "{name} has the digest of another");
        let changes = explain(base.get("backend").unwrap().1, edited.get("backend").unwrap().1).unwrap();
        assert!(!changes.is_empty(), "{name} is not explained");
    }
}

#[test]
fn nothing_else_changes_the_digest() {
    let edits: &[Edit] = &[
        ("name", |image, _| image.name = "backend2".into()),
        ("final", |image, _| image.is_final = false),
        ("place", |image, _| image.at.line = 99),
        ("secret's source", |image, _| image.secrets = Vec::new()),
        ("place of a command", |image, _| stapel_of(image).shell.stages.get_mut(&UserStage::Setup).unwrap().commands[0].at.line = 77),
        ("excluded file", |_, files| files.insert("Dockerfile", Mode::File, *b"FROM x")),
        ("include that chooses the same", |image, _| stapel_of(image).git[1].include_paths = vec!["**/*.svg".into()]),
        ("empty stage", |image, _| drop(stapel_of(image).shell.stages.insert(UserStage::BeforeSetup, ShellStage::default()))),
    ];
    let base = tree(vec![backend()], &files());
    for (what, edit) in edits {
        let (mut image, mut files) = (backend(), files());
        edit(&mut image, &mut files);
        let name = image.name.clone();
        let edited = tree(vec![image], &files);
        assert_eq!(base.tag("backend"), edited.tag(&name), "{what}");
        assert_eq!(explain(base.get("backend").unwrap().1, edited.get(&name).unwrap().1).unwrap(), [], "{what}");
    }
    let values = |value: &str| {
        let mut image = backend();
        image.secrets.push(Secret { id: "token".into(), source: SecretSource::Value(value.into()) });
        tree(vec![image], &files()).tag("backend")
    };
    assert_eq!(values("a"), values("b"), "a secret's value");
}

#[test]
fn explanations_read_well() {
    let (mut image, mut edited) = (backend(), files());
    stapel_of(&mut image).from = From::Reference("alpine:4".into());
    let install = &mut stapel_of(&mut image).shell.stages.get_mut(&UserStage::Install).unwrap().commands;
    install[1].text = "npm ci --omit=dev".into();
    install.insert(0, command("date", 1));
    edited.insert("src/a.js", Mode::Executable, *b"A");
    edited.insert("src/c.js", Mode::File, *b"c");
    let (old, new) = (tree(vec![backend()], &files()), tree(vec![image], &edited));
    let changes: Vec<String> =
        explain(old.get("backend").unwrap().1, new.get("backend").unwrap().1).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        changes,
        [
            "from: base image: `alpine:3` became `alpine:4`",
            "install: commands: added `date`",
            "install: commands: `npm ci` became `npm ci --omit=dev`",
            "setup: git / → /app: files: file src/a.js changed",
            "setup: git / → /app: files: mode of src/a.js changed",
            "setup: git / → /app: files: file src/c.js added",
        ]
    );
}

#[test]
fn dockerfile_images_depend_on_what_the_target_sees() {
    let base = |edit: fn(&mut Image, &mut MemoryTree)| {
        let (mut image, mut files) = (image("web", Recipe::Dockerfile(Box::new(dockerfile("")))), files());
        edit(&mut image, &mut files);
        tree(vec![image], &files).tag("web").unwrap()
    };
    let same = base(|_, _| {});
    assert_eq!(same, base(|_, files| files.insert("src/a.js", Mode::File, *b"other")), "not copied");
    assert_eq!(same, base(|_, files| files.insert(".dockerignore", Mode::File, *b"src\n")), "an ignore file that changes nothing");
    assert_eq!(
        same,
        base(|_, files| files.insert("Dockerfile", Mode::File, *b"# comment\nFROM nginx:1\n\n  copy web \\\n# inner\n/www\n")),
        "layout"
    );
    for other in [
        base(|_, files| files.insert("web/index.html", Mode::File, *b"other")),
        base(|_, files| files.insert("web/new.html", Mode::File, *b"")),
        base(|_, files| files.insert("Dockerfile", Mode::File, *b"FROM nginx:2\nCOPY web /www\n")),
        base(|_, files| files.insert(".dockerignore", Mode::File, *b"web/index.html\n")),
        base(|_, files| files.insert("Dockerfile", Mode::File, *b"FROM nginx:1\nCOPY web /www\nRUN <<E\na\nE\n")),
        base(|_, files| files.insert("Dockerfile", Mode::File, *b"FROM nginx:1\nCOPY web /www\nRUN <<E\nb\nE\n")),
        base(|image, _| image.image_spec = Some(ImageSpec { user: Some("1".into()), ..Default::default() })),
    ] {
        assert_ne!(same, other);
    }
    // Only commands see the network and hosts.
    let with = |text: &'static [u8], edit: fn(&mut Image)| {
        let (mut image, mut files) = (image("web", Recipe::Dockerfile(Box::new(dockerfile("")))), files());
        files.insert("Dockerfile", Mode::File, text);
        edit(&mut image);
        tree(vec![image], &files).tag("web").unwrap()
    };
    let hosts = |image: &mut Image| match &mut image.recipe {
        Recipe::Dockerfile(dockerfile) => dockerfile.add_host.push("db:10.0.0.1".into()),
        Recipe::Stapel(_) => panic!("a Stapel image"),
    };
    for edit in [|image: &mut Image| image.network = Some("host".into()), hosts] {
        let (copies, runs) = (&b"FROM nginx:1\nCOPY web /www\n"[..], &b"FROM nginx:1\nRUN make\n"[..]);
        assert_eq!(with(copies, |_| {}), with(copies, edit));
        assert_ne!(with(runs, |_| {}), with(runs, edit));
    }
}

#[test]
fn context_in_a_directory_and_its_ignore_files() {
    let mut files = MemoryTree::new([
        ("be/Dockerfile", "FROM x\nCOPY . /\n"),
        ("be/Dockerfile.dockerignore", "*.md\n"),
        ("be/.dockerignore", "*\n"),
        ("be/a", "a"),
        ("be/b.md", "b"),
        ("other", "o"),
    ]);
    let seen = |files: &MemoryTree| {
        let tree = tree(vec![image("be", Recipe::Dockerfile(Box::new(dockerfile("be"))))], files);
        format!("{:?}", tree.node("be").unwrap().dockerfile().unwrap().context)
    };
    assert_eq!(seen(&files), "[\".dockerignore\", \"Dockerfile\", \"Dockerfile.dockerignore\", \"a\"]");
    files.insert("be/Dockerfile.dockerignore", Mode::File, *b"");
    assert!(seen(&files).contains("b.md"), "the first ignore file that exists counts, even if it is empty");
}

#[test]
fn digests_of_others_are_inputs() {
    let tag = |edit: fn(&mut Image)| {
        let mut base = backend();
        edit(&mut base);
        let mut importing = stapel(From::Scratch, vec![], &[]);
        importing.imports.push(import(From::Image("backend".into()), When::AfterSetup));
        let mut naming = image("naming", Recipe::Stapel(Box::new(stapel(From::Scratch, vec![], &[]))));
        let fact = DependencyImport { fact: ImageFact::Tag, target: "TAG".into() };
        naming.dependencies.push(Dependency {
            image: "backend".into(),
            when: Some(When::BeforeInstall),
            imports: vec![fact],
            at: Location::default(),
        });
        let upon = image("upon", Recipe::Stapel(Box::new(stapel(From::Image("backend".into()), vec![], &[]))));
        let tree = tree(vec![naming, upon, image("importing", Recipe::Stapel(Box::new(importing))), base], &files());
        ["naming", "upon", "importing"].map(|name| tree.tag(name).unwrap())
    };
    let base = tag(|_| {});
    let content = tag(|image| stapel_of(image).from = From::Reference("alpine:4".into()));
    assert!(base.iter().zip(&content).all(|(old, new)| old != new));
    let config = tag(|image| image.image_spec = Some(ImageSpec { user: Some("1".into()), ..Default::default() }));
    assert!(base[0] != config[0] && base[1] != config[1]);
    assert_eq!(base[2], config[2], "an import takes files, not configuration");
}

fn problems(images: Vec<Image>, files: &MemoryTree) -> Vec<String> {
    let errors = ImageTree::new(Arc::new(config(images)), Arc::new(files.clone()), &Options::default()).unwrap_err();
    let help = |error: &ImageError| miette::Diagnostic::help(error).map(|help| help.to_string()).unwrap_or_default();
    errors.iter().map(|error| format!("{error} | {}", help(error))).collect()
}

#[test]
fn problems_of_all_images_come_together() {
    let upon = |name: &str, other: &str| image(name, Recipe::Stapel(Box::new(stapel(From::Image(other.into()), vec![], &[]))));
    assert_eq!(
        problems(vec![upon("a", "b"), upon("b", "c"), upon("c", "a")], &files()),
        ["images depend on one another: a → b → c → a | take one of these references out: an image cannot be built from itself"]
    );
    assert_eq!(problems(vec![upon("a", "bsae"), upon("base", "d")], &files()).len(), 2);
    let missing = image("web", Recipe::Dockerfile(Box::new(dockerfile("nowhere"))));
    let nothing = image("n", Recipe::Stapel(Box::new(stapel(From::Scratch, vec![mapping("no/such", "/x")], &[]))));
    let mut staged = stapel(From::Scratch, vec![], &[]);
    staged.imports.push(Import { stage: Some("setup".into()), ..import(From::Image("ok".into()), When::AfterSetup) });
    let ok = image("ok", Recipe::Stapel(Box::new(stapel(From::Scratch, vec![], &[(UserStage::Install, &["true"])]))));
    let found = problems(vec![missing, nothing, ok, image("staged", Recipe::Stapel(Box::new(staged))), upon("after", "n")], &files());
    assert_eq!(
        found,
        [
            "image `web`: there is no `nowhere/Dockerfile` in the commit | commit the file, or correct `dockerfile` and `context`: the path is relative to the context",
            "image `n`: there is no `no/such` in the commit | `add` is a file or directory of the repository; what is not committed is not there",
            "image `staged` imports from stage `setup` of `ok`, which has no such stage | stages of `ok` that have something to do: `from`, `install`",
        ]
    );
}

/// base ← app (Stapel, shared graph); web (Dockerfile) ← gateway imports from it; report wants app's digest.
fn family() -> Vec<Image> {
    let mut gateway = stapel(From::Image("base".into()), vec![], &[]);
    gateway.imports.push(import(From::Image("web".into()), When::AfterSetup));
    let mut report = image("report", Recipe::Stapel(Box::new(stapel(From::Image("gateway".into()), vec![], &[]))));
    let fact = |fact, target: &str| DependencyImport { fact, target: target.into() };
    let facts = vec![fact(ImageFact::Digest, "APP_DIGEST"), fact(ImageFact::Name, "APP")];
    report.dependencies.push(Dependency { image: "app".into(), when: Some(When::AfterSetup), imports: facts, at: Location::default() });
    vec![
        report,
        image("gateway", Recipe::Stapel(Box::new(gateway))),
        image(
            "app",
            Recipe::Stapel(Box::new(stapel(From::Image("base".into()), vec![mapping("src", "/app")], &[(UserStage::Setup, &["make"])]))),
        ),
        image("web", Recipe::Dockerfile(Box::new(dockerfile("")))),
        image(
            "base",
            Recipe::Stapel(Box::new(stapel(From::Reference("alpine:3".into()), vec![], &[(UserStage::Install, &["apk add x"])]))),
        ),
    ]
}

#[test]
fn prerequisites_and_waves() {
    let tree = tree(family(), &files());
    let all: BTreeSet<String> = tree.iter().map(|(image, _)| image.name.clone()).collect();
    let prerequisites =
        |name: &str, missing: &BTreeSet<String>| tree.prerequisites(name, missing).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(prerequisites("app", &all), "", "its base is compiled into the same graph");
    assert_eq!(prerequisites("gateway", &all), "web");
    assert_eq!(prerequisites("report", &all), "app web", "web through gateway");
    assert_eq!(prerequisites("report", &["report".to_owned()].into()), "");
    assert_eq!(tree.waves(&all), [vec!["base", "app", "web"], vec!["gateway", "report"]]);
    assert_eq!(tree.closure(["app"]), ["base", "app"]);
    assert_eq!(tree.bases(["report"], &all).into_iter().collect::<Vec<_>>(), ["alpine:3"]);
    assert!(tree.bases(["report"], &["report".to_owned()].into()).is_empty());
}

struct World {
    /// What bases have, by absolute path; links with their targets.
    there: BTreeMap<&'static str, Found>,
    files: MemoryTree,
    cache: MemoryCache,
    bases: BTreeMap<String, Base>,
    published: BTreeMap<String, Published>,
}

impl World {
    fn new() -> Self {
        let config = json!({ "architecture": "amd64", "os": "linux", "config": { "Env": ["PATH=/bin", "A=1"], "Cmd": ["sh"], "WorkingDir": "/w" }, "rootfs": {}, "history": [{}] });
        let base = Base { reference: format!("docker.io/library/alpine@sha256:{}", "a".repeat(64)), config };
        World {
            there: BTreeMap::new(),
            files: files(),
            cache: MemoryCache::default(),
            bases: [("alpine:3".to_owned(), base)].into(),
            published: BTreeMap::new(),
        }
    }

    fn publish(&mut self, name: &str, digit: &str) {
        let digest = |kind: &str| format!("sha256:{}{kind}", digit.repeat(63));
        let config = json!({ "config": { "Env": [format!("FROM_{name}=1")] } });
        self.published.insert(name.into(), Published { digest: digest("0"), config_digest: digest("1"), config });
    }

    fn compile(&self, tree: &ImageTree, name: &str) -> Result<Build, CompileError> {
        let mut ground = Ground::default();
        loop {
            let around = Surroundings {
                project: "shop",
                repo: "registry.local:5000/shop",
                commit: "c0ffee",
                platform: Platform::linux("amd64"),
                bases: &self.bases,
                published: &self.published,
                ground: &ground,
                source: Arc::new(SourceFile { name: "werf.yaml".into(), text: String::new(), language: "YAML".into() }),
                trees: &[Arc::new(self.files.clone())],
                cache: &self.cache,
                threads: 2,
            };
            let compiled = compile(tree, name, &around)?;
            match &compiled.next {
                Next::Solve(solve) => return Ok(Build { solve: solve.clone(), compiled }),
                Next::Look(look) => {
                    for question in &look.questions {
                        ground.learn(look.state.digest().unwrap(), question.clone(), self.answer(question));
                    }
                }
            }
        }
    }

    fn answer(&self, question: &Question) -> Answer {
        let below = |directory: &str, path: &str| path.rsplit_once('/').is_some_and(|(above, _)| above == directory.trim_end_matches('/'));
        match question {
            Question::Entry { directory, name } => {
                let path = format!("{}/{name}", directory.trim_end_matches('/'));
                Answer::Entries(self.there.get(path.as_str()).cloned().into_iter().collect())
            }
            Question::Children { directory } => {
                Answer::Entries(self.there.iter().filter(|(path, _)| below(directory, path)).map(|(_, found)| found.clone()).collect())
            }
            Question::File { path } if path == "/etc/passwd" => Answer::File(Some(b"root:x:0:0::/:\napp:x:70:71::/:\n".to_vec())),
            Question::File { .. } => Answer::File(None),
        }
    }

    fn put(&mut self, path: &'static str, kind: Kind, mode: u32, uid: u32) {
        let name = path.rsplit('/').next().unwrap().to_owned();
        self.there.insert(path, Found { name, kind, mode, uid, gid: uid });
    }
}

/// A whole compiled image.
#[derive(Debug)]
struct Build {
    solve: Solve,
    compiled: Compiled,
}

impl Build {
    /// What the layers of Git files have: path, mode, owner.
    fn archives(&self, files: &MemoryTree) -> Vec<String> {
        let mut lines = Vec::new();
        for image in &self.compiled.layers {
            let bytes = image.layer.bytes(files).unwrap();
            let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
            for entry in archive.entries().unwrap() {
                let entry = entry.unwrap();
                let header = entry.header();
                let (mode, uid) = (header.mode().unwrap(), header.uid().unwrap());
                lines.push(format!("{} {mode:o} {uid}", entry.path().unwrap().display()));
            }
        }
        lines
    }
}

fn vertices(build: &Build) -> Vec<String> {
    let Solve::Llb { definition, .. } = &build.solve else { panic!("a Dockerfile image") };
    definition.vertices().map(|vertex| vertex.name.unwrap_or("merge").to_owned()).collect()
}

fn oci_config(build: &Build) -> Value {
    let Solve::Llb { config, .. } = &build.solve else { panic!("a Dockerfile image") };
    serde_json::from_slice(config).unwrap()
}

#[test]
fn stapel_graph() {
    let (world, tree) = (World::new(), tree(vec![backend()], &files()));
    let build = world.compile(&tree, "backend").unwrap();
    insta::assert_snapshot!(vertices(&build).join("\n"), @"
    [backend] from alpine:3
    [backend beforeInstall] apk add node
    [backend] git / → /app
    [backend] git assets → /srv/assets
    [backend] git
    [backend install] cd /app …
    [backend] git / → /app
    [backend] git
    [backend setup] npm run build
    [backend] git / → /app
    [backend] git
    ");
    assert_eq!(build.compiled.layers.len(), 4);
    let install = build.compiled.commands.iter().find(|stage| stage.stage == UserStage::Install).unwrap();
    let output = ["npm ERR!", "werf: command 2 failed with exit code 254"].map(str::to_owned);
    let failure = build.compiled.command_failure(&tree, &install.step, &output).unwrap();
    assert_eq!(
        (failure.line, failure.to_string().as_str()),
        (11, "image `backend`: a command of `install` failed with exit code 254\n  │ npm ERR!")
    );
    assert!(build.compiled.command_failure(&tree, "[backend] git", &output).is_none());
    assert!(build.compiled.command_failure(&tree, &install.step, &output[..1]).is_none());
    assert_eq!(build.compiled.blobs().count(), 12);
}

#[test]
fn graphs_are_deterministic_and_lines_are_in_them() {
    let (world, tree) = (World::new(), tree(vec![backend()], &files()));
    let (one, two) = (world.compile(&tree, "backend").unwrap(), world.compile(&tree, "backend").unwrap());
    assert_eq!(one.solve, two.solve);
    let Solve::Llb { definition, .. } = &one.solve else { panic!("no graph") };
    let source = definition.message().source.as_ref().unwrap();
    assert_eq!(source.infos[0].filename, "werf.yaml");
    assert_eq!(source.locations.len(), 3);
}

#[test]
fn config_of_a_stapel_image() {
    let (mut world, mut image) = (World::new(), backend());
    world.publish("other", "b");
    image.image_spec = Some(ImageSpec {
        author: Some("me".into()),
        env: [("B".to_owned(), "2".to_owned()), ("A".to_owned(), "9".to_owned())].into(),
        entrypoint: Some(vec!["/entry".into()]),
        expose: vec!["80".into(), "53/udp".into()],
        labels: [("of".to_owned(), "%project%/%image%".to_owned())].into(),
        volumes: vec!["/data".into()],
        user: Some("1000".into()),
        clear_working_dir: true,
        remove_env: vec!["/^PA.*/".into()],
        healthcheck: Some(Healthcheck { test: vec!["CMD".into(), "true".into()], interval: 5, ..Default::default() }),
        ..Default::default()
    });
    let tree = tree(vec![image], &files());
    let mut config = oci_config(&world.compile(&tree, "backend").unwrap());
    let digest = config["config"]["Labels"].as_object_mut().unwrap().remove("werf.io/digest").unwrap();
    assert_eq!(digest, json!(tree.tag("backend")));
    assert_eq!(
        config,
        json!({
            "architecture": "amd64", "os": "linux", "author": "me", "history": [{}],
            "config": {
                "Env": ["A=9", "B=2"], "Entrypoint": ["/entry"], "User": "1000",
                "ExposedPorts": { "80/tcp": {}, "53/udp": {} }, "Volumes": { "/data": {} },
                "Healthcheck": { "Test": ["CMD", "true"], "Interval": 5_000_000_000u64, "Timeout": 0, "StartPeriod": 0, "Retries": 0 },
                "Labels": { "of": "shop/backend", "werf": "shop", "werf-project-repo-commit": "c0ffee", "werf.io/image": "backend" },
            },
        })
    );
}

#[test]
fn missing_images_share_a_graph_and_published_ones_come_by_digest() {
    let (mut world, tree) = (World::new(), tree(family(), &files()));
    assert_eq!(
        vertices(&world.compile(&tree, "app").unwrap()),
        ["[base] from alpine:3", "[base install] apk add x", "[app] git src → /app", "[app] git", "[app setup] make"]
    );
    world.publish("base", "b");
    assert_eq!(
        vertices(&world.compile(&tree, "app").unwrap()),
        ["[app] from image base", "[app] git src → /app", "[app] git", "[app setup] make"]
    );

    let error = world.compile(&tree, "gateway").unwrap_err();
    assert_eq!(error.to_string(), "image `gateway` needs `web`, which is not published yet");
    world.publish("web", "c");
    world.publish("app", "d");
    let error = world.compile(&tree, "report").unwrap_err();
    assert_eq!(
        format!("{error} | {}", miette::Diagnostic::help(&error).unwrap()),
        "image `gateway`: there is no `/out` in `web`, from which it is imported | correct `add`, or let `web` make it"
    );
    world.put("/out", Kind::Directory, 0o755, 0);
    let report = world.compile(&tree, "report").unwrap();
    assert_eq!(vertices(&report), ["[gateway] from image base", "[gateway] from image web", "[gateway] import web /out → /app/out"]);
    let tag = tree.tag("app").unwrap();
    let digest = format!("sha256:{}0", "d".repeat(63));
    assert_eq!(
        oci_config(&report)["config"]["Env"],
        json!(["FROM_base=1", format!("APP=registry.local:5000/shop:{tag}"), format!("APP_DIGEST={digest}")])
    );
    world.bases.clear();
    world.published.clear();
    assert_eq!(world.compile(&tree, "base").unwrap_err().to_string(), "image `base`: base image `alpine:3` was not resolved");
}

#[test]
fn dockerfile_solve() {
    let mut one = image(
        "web",
        Recipe::Dockerfile(Box::new(Dockerfile {
            target: Some("final".into()),
            args: [("V".to_owned(), "1".to_owned())].into(),
            add_host: vec!["db:10.0.0.1".into()],
            ..dockerfile("")
        })),
    );
    one.image_spec =
        Some(ImageSpec { cmd: Some(vec!["run".into()]), env: [("A".to_owned(), "$x \"q\"".to_owned())].into(), ..Default::default() });
    let mut world = World::new();
    world.files.insert("Dockerfile", Mode::File, *b"FROM nginx:1 AS final\nARG V\nCOPY web /www\nRUN make\n");
    let tree = tree(vec![one], &world.files);
    let build = world.compile(&tree, "web").unwrap();
    let Solve::Dockerfile { attrs, inputs, spec } = &build.solve else { panic!("a graph") };
    let attrs: Vec<String> =
        attrs.iter().filter(|(name, _)| !name.starts_with("label:")).map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(attrs, ["add-hosts=db=10.0.0.1", "build-arg:V=1", "filename=Dockerfile", "platform=linux/amd64", "target=final"]);
    let text = inputs["dockerfile"].to_bytes();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("FROM nginx:1 AS final\nARG V\nCOPY web /www\nRUN make\n"), "{text}");
    assert_eq!(spec.as_ref().unwrap().cmd, Some(vec!["run".to_owned()]));
    assert_eq!(build.compiled.layers.len(), 1);
    assert_eq!(build.compiled.layers[0].layer.files(), 1);
}

#[test]
fn files_go_where_the_image_has_their_directories() {
    let one = image("web", Recipe::Stapel(Box::new(stapel(From::Reference("alpine:3".into()), vec![mapping("", "/data/site")], &[]))));
    let mut world = World::new();
    world.files = MemoryTree::new([("a", "a"), ("css/b", "b"), ("css/deep/c", "c"), ("new/d", "d")]);
    let tree = tree(vec![one], &world.files);
    let archives = |world: &World| world.compile(&tree, "web").unwrap().archives(&world.files);
    let made = ["data/ 755 0", "data/site/ 755 0", "data/site/a 644 0", "data/site/css/ 755 0", "data/site/css/b 644 0"];
    assert_eq!(archives(&world)[..5], made, "nothing is there");

    world.put("/data", Kind::Link("mnt/disk".into()), 0o777, 0);
    world.put("/mnt", Kind::Directory, 0o711, 0);
    world.put("/mnt/disk", Kind::Directory, 0o2770, 7);
    world.put("/mnt/disk/site", Kind::Directory, 0o1777, 8);
    world.put("/mnt/disk/site/css", Kind::Link("/styles/../styles".into()), 0o777, 0);
    world.put("/styles", Kind::Directory, 0o700, 9);
    world.put("/styles/deep", Kind::Directory, 0o750, 10);
    let expect = [
        "mnt/ 711 0",
        "mnt/disk/ 2770 7",
        "mnt/disk/site/ 1777 8",
        "mnt/disk/site/a 644 0",
        "styles/ 700 9",
        "styles/b 644 0",
        "styles/deep/ 750 10",
        "styles/deep/c 644 0",
        "mnt/disk/site/new/ 755 0",
        "mnt/disk/site/new/d 644 0",
    ];
    assert_eq!(archives(&world), expect);

    let message = |world: &World| {
        let error = world.compile(&tree, "web").unwrap_err();
        format!("{error} | {}", miette::Diagnostic::help(&error).unwrap())
    };
    world.put("/mnt/disk/site/new", Kind::Other, 0o644, 0);
    let help = "choose another `to`, or remove what is there by a command of an earlier stage";
    assert_eq!(
        message(&world),
        format!("image `web`: a directory cannot go to `/mnt/disk/site/new`, for the image has a file there | {help}")
    );
    world.there.remove("/mnt/disk/site/new");
    world.put("/mnt/disk/site/a", Kind::Link("b".into()), 0o777, 0);
    assert_eq!(archives(&world), expect, "a file takes the place of a file or a link");
    world.put("/styles/b", Kind::Directory, 0o755, 0);
    assert_eq!(message(&world), format!("image `web`: a file cannot go to `/styles/b`, for the image has a directory there | {help}"));
    world.put("/mnt/disk", Kind::Link("/data".into()), 0o777, 0);
    assert_eq!(message(&world), "image `web`: links of the image lead in a circle on the way to `/data/site` | choose another `to`");
}

#[test]
fn a_directory_that_one_mapping_makes_is_above_another_as_it_is() {
    let owned = |add: &str, to: &str, owner: &str| GitMapping { owner: Some(owner.into()), ..mapping(add, to) };
    let mut world = World::new();
    world.files = MemoryTree::new([("app/a", "a"), ("app/sub/b", "b"), ("conf/c", "c"), ("one", "1")]);
    let archives = |git: Vec<GitMapping>| {
        let tree = tree(vec![image("web", Recipe::Stapel(Box::new(stapel(From::Reference("alpine:3".into()), git, &[]))))], &world.files);
        world.compile(&tree, "web").unwrap().archives(&world.files)
    };
    let app = ["app/ 755 33", "app/a 644 33", "app/sub/ 755 33", "app/sub/b 644 33"];
    let conf = ["app/ 755 33", "app/sub/ 755 33", "app/sub/deep/ 755 0", "app/sub/deep/conf/ 755 34", "app/sub/deep/conf/c 644 34"];
    let one = ["app/ 755 33", "app/other/ 755 0", "app/other/one 644 35"];
    let git = vec![owned("app", "/app", "33"), owned("conf", "/app/sub/deep/conf", "34"), owned("one", "/app/other/one", "35")];
    assert_eq!(archives(git).concat(), [&app[..], &conf, &one].concat().concat());
    let whole = owned("app", "/", "33");
    assert_eq!(
        archives(vec![owned("conf", "/sub/conf", "34"), whole]).concat(),
        ["sub/ 755 33", "sub/conf/ 755 34", "sub/conf/c 644 34", "a 644 33", "sub/ 755 33", "sub/b 644 33"].concat()
    );
}

#[test]
fn owners_by_name_are_those_of_the_image() {
    let tree_with = |owner: Option<&str>, group: Option<&str>| {
        let mut mapping = mapping("web", "/www");
        (mapping.owner, mapping.group) = (owner.map(Into::into), group.map(Into::into));
        tree(vec![image("web", Recipe::Stapel(Box::new(stapel(From::Reference("alpine:3".into()), vec![mapping], &[]))))], &files())
    };
    let mut world = World::new();
    world.put("/etc", Kind::Directory, 0o755, 0);
    world.put("/etc/passwd", Kind::Other, 0o644, 0);
    let made = world.compile(&tree_with(Some("app"), None), "web").unwrap();
    assert_eq!(made.archives(&world.files), ["www/ 755 70", "www/index.html 644 70"]);
    for (owner, group, expect) in [
        (
            Some("nobody"),
            None,
            "image `web`: there is no user `nobody` in the image | its `/etc/passwd` does not name it: make it by a command of an earlier stage or in the base image, or give a number",
        ),
        (
            Some("5"),
            Some("staff"),
            "image `web`: there is no group `staff` in the image | its `/etc/group` does not name it: make it by a command of an earlier stage or in the base image, or give a number",
        ),
    ] {
        let error = world.compile(&tree_with(owner, group), "web").unwrap_err();
        assert_eq!(format!("{error} | {}", miette::Diagnostic::help(&error).unwrap()), expect);
    }
}

#[test]
fn a_command_that_misses_an_undeclared_file_is_told_of_it() {
    let (world, tree) = (World::new(), tree(vec![backend()], &files()));
    let build = world.compile(&tree, "backend").unwrap();
    let install = build.compiled.commands.iter().find(|stage| stage.stage == UserStage::Install).unwrap();
    let help = |line: &str| {
        let output = [line, "werf: command 2 failed with exit code 1"].map(str::to_owned);
        miette::Diagnostic::help(&build.compiled.command_failure(&tree, &install.step, &output).unwrap()).unwrap().to_string()
    };
    let expect = "`/app/src/a.js` comes in after this stage: `stageDependencies.install` of the mapping to `/app` (line 0) does not name it. \
        Add `src/a.js` there: `stageDependencies: {install: [src/a.js]}`";
    for line in ["cat: can't open '/app/src/a.js': No such file", "open ./src/a.js: no such file", "/bin/sh: src/a.js: not found"] {
        assert_eq!(help(line), expect, "{line}");
    }
    assert!(help("cat: /app/other: No such file").starts_with("the command is at line 11"));
    assert!(help("cat: /app/src/*.js: No such file").contains("Add `src/*.js` there"));
}

#[test]
fn a_command_that_misses_a_file_for_which_there_is_no_line_is_told_what_to_do() {
    let help = |git: GitMapping, stage: UserStage, line: &str| {
        let one = image("web", Recipe::Stapel(Box::new(stapel(From::Scratch, vec![git], &[(stage, &["x"][..])]))));
        let (world, tree) = (World::new(), tree(vec![one], &files()));
        assert!(undeclared(tree.node("web").unwrap()).unwrap().is_empty());
        let build = world.compile(&tree, "web").unwrap();
        let output = [line, "werf: command 1 failed with exit code 1"].map(str::to_owned);
        miette::Diagnostic::help(&build.compiled.command_failure(&tree, &build.compiled.commands[0].step, &output).unwrap())
            .unwrap()
            .to_string()
    };
    assert_eq!(
        help(mapping("", "/app"), UserStage::BeforeInstall, "cat: can't open '/app/src/a.js': No such file"),
        "`/app/src/a.js` comes in after this stage: `beforeInstall` sees no files of `git`. Move the command to `install`"
    );
    let mut one = mapping("package.json", "/etc/one");
    one.stage_dependencies = [(UserStage::Install, vec!["none".into()])].into();
    assert_eq!(
        help(one.clone(), UserStage::Install, "/etc/one: not found"),
        "`/etc/one` comes in after this stage: `stageDependencies.install` of the mapping to `/etc/one` (line 0) does not name it. \
         Take `install` out there: the mapping is of one file"
    );
    assert!(help(one, UserStage::Install, "/etc/one/x: not found").starts_with("the command is at line"));
}

#[test]
fn paths_that_no_line_declares_are_told_beforehand() {
    let told = |commands: &[&str]| {
        let mut main = mapping("", "/app");
        main.stage_dependencies = [(UserStage::Install, vec!["package*.json".into()])].into();
        let stages: [(UserStage, &[&str]); 1] = [(UserStage::Install, commands)];
        let one = image("web", Recipe::Stapel(Box::new(stapel(From::Scratch, vec![main], &stages))));
        let tree = tree(vec![one], &files());
        undeclared(tree.node("web").unwrap()).unwrap().iter().map(|found| found.file.clone()).collect::<Vec<_>>().join(" ")
    };
    for (commands, expect) in [
        (&["cat /app/package.json /app/src/a.js"][..], "/app/src/a.js"),
        (&["cp -r /app/src /x", "ls /app/src/"], "/app/src"),
        (&["cd /app && node src/a.js", "cat ./README.md"], "/app/src/a.js /app/README.md"),
        (&["node src/a.js"], ""),
        (&["cd /app; npm web src"], ""),
        (&["cat /app/package.json /app/nowhere /other/src/a.js"], ""),
        (&["test -e \"/app/src/b.js\" || exit 0"], "/app/src/b.js"),
    ] {
        assert_eq!(told(commands), expect, "{commands:?}");
    }
}

#[test]
fn what_goes_deeper_takes_its_place_from_what_is_above() {
    let seen = |git: Vec<GitMapping>, imports: Vec<Import>| {
        let mut recipe = stapel(From::Scratch, git, &[]);
        recipe.imports = imports;
        let tree = tree(vec![image("web", Recipe::Stapel(Box::new(recipe)))], &files());
        let node = tree.node("web").unwrap();
        let imports = node.stages.iter().filter_map(|stage| match &stage.work {
            stage::Work::Dependencies(work) => Some(&work.imports),
            _ => None,
        });
        let excluded: Vec<String> = imports.flatten().map(|import| import.exclude.join(" ")).collect();
        (stages(&tree, "web")[1].clone(), excluded.join(","))
    };
    let with = |add: &str, to: &str, include: &[&str]| GitMapping {
        include_paths: include.iter().map(|path| (*path).to_owned()).collect(),
        ..mapping(add, to)
    };
    let to = |to: &str, include: &[&str]| Import {
        to: to.into(),
        include_paths: include.iter().map(|path| (*path).to_owned()).collect(),
        ..import(From::Reference("busybox:1".into()), When::AfterSetup)
    };
    let kept = |git, imports| seen(git, imports).0;
    assert_eq!(kept(vec![mapping("src", "/app")], vec![to("/app/a.js", &[])]), "gitArchive [\"b.js\"]");
    assert_eq!(kept(vec![mapping("src", "/app")], vec![to("/app", &["b.js"])]), "gitArchive [\"a.js\"]");
    assert_eq!(kept(vec![with("src", "/app", &["a.js"]), with("src", "/app", &["b.js"])], vec![]), "gitArchive [\"a.js\"] [\"b.js\"]");
    assert_eq!(kept(vec![with("src", "/app", &["a.js"]), with("src", "/app", &["a.js"])], vec![]), "gitArchive [\"a.js\"] [\"a.js\"]");
    assert_eq!(
        kept(vec![mapping("src", "/app")], vec![to("/", &["app"])]),
        "gitArchive [\"a.js\", \"b.js\"]",
        "the mapping goes deeper or as deep"
    );
    assert_eq!(seen(vec![mapping("src", "/out/src")], vec![to("/out", &[])]).1, "src", "an import gives way too");
    assert_eq!(seen(vec![mapping("src", "/x")], vec![to("/a", &[]), to("/a/b", &[])]).1, "b,");
}

proptest::proptest! {
    #[test]
    fn order_of_maps_and_images_never_matters(order in proptest::sample::subsequence(vec![0usize, 1, 2, 3, 4], 5), pairs in proptest::collection::vec(("[a-z]{1,3}", "[a-z]{0,3}"), 0..6)) {
        let with = |images: Vec<Image>, pairs: Vec<(String, String)>| {
            let images = images.into_iter().map(|mut image| {
                image.image_spec = Some(ImageSpec { env: pairs.iter().cloned().collect(), labels: pairs.iter().cloned().collect(), ..Default::default() });
                image
            });
            let tree = tree(images.collect(), &files());
            let mut tags: Vec<(String, String)> = tree.iter().map(|(image, node)| (image.name.clone(), node.digest.tag())).collect();
            tags.sort();
            tags
        };
        let unique: BTreeMap<String, String> = pairs.iter().cloned().collect();
        let reversed: Vec<(String, String)> = unique.clone().into_iter().rev().collect();
        let mut shuffled = family();
        shuffled.rotate_left(order.iter().sum::<usize>() % 5);
        shuffled.reverse();
        proptest::prop_assert_eq!(with(family(), unique.into_iter().collect()), with(shuffled, reversed));
    }
}

#[test]
fn what_is_doubtful_is_told_beforehand() {
    let told = |image: Image, files: &MemoryTree| {
        let tree = tree(vec![image], files);
        let doubts = doubts(tree.node("web").unwrap()).unwrap().into_iter();
        doubts.map(|doubt| format!("{}\n{}\n", doubt.problem, doubt.help)).collect::<String>()
    };
    let mut main = mapping("", "/app");
    main.stage_dependencies = [(UserStage::Install, vec!["package*.json".into()])].into();
    let stages: [(UserStage, &[&str]); 1] = [(UserStage::Install, &["cat /app/src/a.js"])];
    let stapel = image("web", Recipe::Stapel(Box::new(stapel(From::Scratch, vec![main], &stages))));
    assert_eq!(
        told(stapel, &files()),
        "a command of `install` (line 10) names `/app/src/a.js`, which it will not see\n\
         `/app/src/a.js` comes in after this stage: `stageDependencies.install` of the mapping to `/app` (line 0) does not name it. \
         Add `src/a.js` there: `stageDependencies: {install: [src/a.js]}`\n"
    );
    let text = "FROM scratch AS other\nADD https://host/unneeded /\nFROM scratch\nARG V=1\nADD --checksum=sha256:0 https://host/a \\\n /\n\
        ADD https://host/$V.tar /\nADD https://host/x.git#main https://host/x.git#0123456789012345678901234567890123456789 /x/\n";
    let web = image("web", Recipe::Dockerfile(Box::new(dockerfile(""))));
    assert_eq!(
        told(web, &MemoryTree::new([("Dockerfile", text)])),
        "`ADD https://host/1.tar` (Dockerfile, line 7) fetches what no checksum or commit fixes: the image keeps its name when that changes\n\
         write `ADD --checksum=sha256:…` with that of the content\n\
         `ADD https://host/x.git#main` (Dockerfile, line 8) fetches what no checksum or commit fixes: the image keeps its name when that changes\n\
         name a commit, with its 40 digits after `#`, or write `ADD --checksum=<commit>`\n"
    );
}

#[test]
fn more_directories_than_anybody_means_are_refused() {
    let mut world = World::new();
    let mut files = MemoryTree::default();
    for number in 0..20_001 {
        files.insert(format!("many/d{number}/f"), Mode::File, *b"");
        for above in ["/app", "/out", "/app/out"] {
            world.put(Box::leak(format!("{above}/d{number}").into_boxed_str()), Kind::Directory, 0o755, 0);
        }
    }
    for path in ["/app", "/out", "/app/out"] {
        world.put(path, Kind::Directory, 0o755, 0);
    }
    world.files = files.clone();
    let told = |recipe: Stapel| {
        let error = world.compile(&tree(vec![image("web", Recipe::Stapel(Box::new(recipe)))], &files), "web").unwrap_err();
        format!("{error}\nhelp: {}", miette::Diagnostic::help(&error).unwrap())
    };
    let base = || From::Reference("alpine:3".into());
    insta::assert_snapshot!(told(stapel(base(), vec![mapping("many", "/app")], &[])), @r"
    image `web`: the files go into more than 20000 directories that the image has already
    help: choose another `to`, or leave directories out by `excludePaths`
    ");
    let mut importing = stapel(base(), vec![], &[]);
    importing.imports.push(import(base(), When::AfterInstall));
    insta::assert_snapshot!(told(importing), @r"
    image `web`: the files go into more than 20000 directories that the image has already
    help: import a directory that is smaller, or choose another `to`
    ");
}
