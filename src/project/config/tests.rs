use std::sync::Arc;
use std::time::Duration;

use super::image::{Dependency, From, Image, ImageFact, MountSource, Recipe, Revision, SecretSource, Stapel, UserStage, When};
use super::*;
use crate::file_tree::MemoryTree;
use crate::project::document::testing::print;
use crate::project::giterminism::{self, Mode};

const META: &str = "configVersion: 1\nproject: shop\n---\n";

fn load_files(files: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let tree = Arc::new(MemoryTree::new(files.iter().copied()));
    let rules = Arc::new(giterminism::load("1a2b3c4", tree, None, Mode::Strict, None)?);
    load(&input(&rules))
}

fn input(rules: &Arc<Giterminism>) -> ConfigInput<'_> {
    ConfigInput {
        giterminism: rules,
        commit: CommitData { hash: "1a2b3c4d", date_human: "2026-03-01 12:30:00 +0300 +0300", date_unix: 1_772_357_400 },
        config: None,
        templates_dir: None,
        env: "dev",
        project_name: None,
        variable: &|name| (name == "TAG").then(|| "v1".to_owned()),
        host: None,
    }
}

fn good(text: &str) -> Config {
    match load_files(&[("werf.yaml", &format!("{META}{text}"))]) {
        Ok(config) => config,
        Err(error) => panic!("{}", print(&error)),
    }
}

fn bad(text: &str) -> String {
    print(&load_files(&[("werf.yaml", &format!("{META}{text}"))]).unwrap_err())
}

fn stapel(image: &Image) -> &Stapel {
    match &image.recipe {
        Recipe::Stapel(stapel) => stapel,
        Recipe::Dockerfile(_) => panic!("a Dockerfile image"),
    }
}

#[test]
fn a_dockerfile_image_is_read_whole() {
    let config = good(
        "\
image: [web, www]
final: false
dockerfile: ./docker//Dockerfile
context: app/
target: run
args: {A: 1, B: x, EMPTY: }
addHost: db:10.0.0.1
network: none
platform: [linux/amd64, linux/arm64/v8]
cacheVersion: 2
staged: true
dependencies:
- from: base
  imports: [{type: ImageName, targetBuildArg: BASE}, {type: ImageDigest, targetBuildArg: DIGEST}]
---
image: base
dockerfile: Dockerfile
platform: [linux/amd64, linux/arm64/v8]
",
    );
    assert_eq!(config.images.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["web", "www", "base"]);
    let web = &config.images[0];
    assert_eq!((web.is_final, web.network.as_deref(), web.cache_version.as_deref(), web.at.line), (false, Some("none"), Some("2"), 4));
    let Recipe::Dockerfile(dockerfile) = &web.recipe else { panic!("not a Dockerfile image") };
    assert_eq!((dockerfile.dockerfile.as_str(), dockerfile.context.as_str()), ("docker/Dockerfile", "app"));
    assert_eq!(dockerfile.args.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), ["A=1", "B=x", "EMPTY="]);
    assert_eq!((dockerfile.target.as_deref(), dockerfile.add_host.as_slice()), (Some("run"), ["db:10.0.0.1".to_owned()].as_slice()));
    assert_eq!(dockerfile.dockerfile_at.line, 6);
    let Dependency { image, when, imports, .. } = &web.dependencies[0];
    assert_eq!((image.as_str(), when), ("base", &None));
    assert_eq!(
        imports.iter().map(|import| (import.fact, import.target.as_str())).collect::<Vec<_>>(),
        [(ImageFact::Name, "BASE"), (ImageFact::Digest, "DIGEST"),]
    );
}

#[test]
fn a_stapel_image_is_read_whole() {
    let config = good(
        "\
image: app
from: base
fromCacheVersion: 3
git:
- add: /src/
  to: /app
  owner: 1000
  group: app
  includePaths: ['**/*.rs']
  excludePaths: [target]
  stageDependencies: {install: Cargo.lock, setup: ['**/*']}
- url: https://example.org/x.git
  tag: v1
  to: /x
shell:
  cacheVersion: 1
  beforeInstall: apt update
  install: [a, b]
  installCacheVersion: 7
import:
- from: alpine:3.22
  add: /bin/busybox
  before: install
- image: base
  stage: setup
  add: /out
  to: /app/out
  after: setup
dependencies:
- image: base
  after: install
  imports: [{type: ImageTag, targetEnv: BASE_TAG}]
mount:
- {from: tmp_dir, to: /tmp/x}
docker: {ENV: {A: 1}, CMD: run it, ENTRYPOINT: '[\"/bin/app\"]', EXPOSE: 80, HEALTHCHECK: --interval=90s --retries=3 CMD curl x}
imageSpec: {author: me, config: {labels: {a: b}, user: app}}
---
image: base
from: scratch
---
image: nginx
from: nginx
",
    );
    let app = &config.images[0];
    let stapel_app = stapel(app);
    assert_eq!(stapel_app.from, From::Image("base".into()));
    assert_eq!(stapel(&config.images[1]).from, From::Scratch);
    assert_eq!(stapel(&config.images[2]).from, From::Reference("nginx:latest".into()));
    let git = &stapel_app.git[0];
    assert_eq!((git.add.as_str(), git.to.as_str(), git.owner.as_deref(), git.group.as_deref()), ("src", "/app", Some("1000"), Some("app")));
    assert_eq!(git.stage_dependencies[&UserStage::Install], ["Cargo.lock"]);
    assert!(!git.stage_dependencies.contains_key(&UserStage::BeforeSetup));
    assert_eq!(stapel_app.git[1].remote.as_ref().map(|remote| &remote.revision), Some(&Revision::Tag("v1".into())));
    let install = &stapel_app.shell.stages[&UserStage::Install];
    assert_eq!(install.commands.iter().map(|command| (command.text.as_str(), command.at.line)).collect::<Vec<_>>(), [("a", 21), ("b", 21)]);
    assert_eq!((stapel_app.shell.cache_version.as_deref(), install.cache_version.as_deref()), (Some("1"), Some("7")));
    assert_eq!(stapel_app.imports[0].from, From::Reference("alpine:3.22".into()));
    assert_eq!((stapel_app.imports[0].to.as_str(), stapel_app.imports[0].when), ("/bin/busybox", When::BeforeInstall));
    assert_eq!((&stapel_app.imports[1].from, stapel_app.imports[1].when), (&From::Image("base".into()), When::AfterSetup));
    assert_eq!(app.dependencies[0].when, Some(When::AfterInstall));
    assert_eq!(stapel_app.mounts[0].from, MountSource::TmpDir);
    let spec = app.image_spec.as_ref().unwrap();
    assert_eq!(spec.cmd.as_deref(), Some(["/bin/sh", "-c", "run it"].map(str::to_owned).as_slice()));
    assert_eq!(spec.entrypoint.as_deref(), Some(["/bin/app".to_owned()].as_slice()));
    assert_eq!(
        (spec.env["A"].as_str(), spec.labels["a"].as_str(), spec.user.as_deref(), spec.author.as_deref()),
        ("1", "b", Some("app"), Some("me"))
    );
    let health = spec.healthcheck.as_ref().unwrap();
    assert_eq!((health.interval, health.retries, health.test.join(" ")), (90, 3, "CMD-SHELL curl x".to_owned()));
}

#[test]
fn the_meta_document_has_werfs_defaults() {
    let meta = good("image: a\nfrom: scratch").meta;
    assert_eq!((meta.project.as_str(), meta.deploy.helm_chart_dir.as_str(), meta.deploy.helm_release_slug), ("shop", ".helm", true));
    assert_eq!(meta.cleanup.keep_images_built_within, Duration::from_secs(7200));
    let limits: Vec<_> = meta.cleanup.keep_policies.iter().map(|policy| (policy.references.limit.last, policy.images.last)).collect();
    assert_eq!(limits, [(Some(10), Some(1)), (Some(10), Some(2)), (None, Some(10))]);
    assert!(meta.git_worktree.allow_fetch && meta.git_worktree.allow_unshallow && !meta.git_worktree.force_shallow_clone);
}

#[test]
fn the_meta_document_is_read_whole() {
    let text = "\
project: shop
configVersion: 1
build:
  cacheVersion: v1
  platform: linux/amd64
  imageSpec: {author: us, config: {labels: {team: x}, removeLabels: [/a.*/]}}
deploy:
  helmChartDir: ./deploy/chart/
  helmChartConfig: {appVersion: 1.10}
  helmRelease: '[[ project ]]-x'
  helmReleaseSlug: false
  namespace: ns
  namespaceSlug: false
cleanup:
  disableKubernetesBasedPolicy: true
  keepImagesBuiltWithinLastNHours: 5
  keepPolicies:
  - references: {branch: /release-.*/, limit: {last: -1, in: 1h30m, operator: Or}}
    imagesPerReference: {last: 0}
  - references: {tag: v1}
gitWorktree: {allowUnshallow: false}
---
image: a
from: scratch
---
image: b
from: scratch
cacheVersion: own
";
    let config = load_files(&[("werf.yml", text)]).unwrap();
    let deploy = &config.meta.deploy;
    assert_eq!((deploy.helm_chart_dir.as_str(), deploy.app_version.as_deref()), ("deploy/chart", Some("1.10")));
    assert_eq!((deploy.helm_release.as_deref(), deploy.helm_release_slug, deploy.namespace_slug), (Some("[[ project ]]-x"), false, false));
    let policies = &config.meta.cleanup.keep_policies;
    assert_eq!(policies[0].references.limit.within, Some(Duration::from_secs(5400)));
    assert_eq!((policies[0].references.limit.last, policies[0].references.limit.operator), (None, meta::Operator::Or));
    assert_eq!((policies[0].images.last, policies[1].images.last), (Some(0), Some(1)));
    assert!(!config.meta.git_worktree.allow_unshallow);
    assert_eq!(config.meta.build.image_spec.as_ref().unwrap().remove_labels, ["/a.*/"]);
    let versions: Vec<_> = config.images.iter().map(|image| image.cache_version.as_deref().unwrap()).collect();
    assert_eq!(versions, ["v1", "own"]);
}

#[test]
fn templates_see_files_commit_env_and_helpers() {
    const TEXT: &str = "\
project: shop
configVersion: 1
---
{{- define \"local\" }}from: {{ . }}{{ end }}
image: {{ .Env }}
{{ include \"local\" \"scratch\" }}
cacheVersion: {{ .Commit.Hash }}-{{ .Commit.Date.Unix }}-{{ env \"TAG\" }}-{{ env \"NONE\" \"d\" }}
shell:
  install: [{{ .Files.Get \"data/a\" }}, {{ range $path, $text := .Files.Glob \"data/*\" }}{{ $path }}={{ $text }} {{ end }}]
  setup: {{ include \"dir/helper.tmpl\" . }} {{ .Files.Exists \"data/a\" }} {{ .Files.Exists \"x\" }} {{ .Files.IsDir \"data\" }}
";
    let files = [
        ("werf.yaml", TEXT),
        (".werf/dir/helper.tmpl", "{{ tpl \"{{ .Env }}\" . }} {{ (fromYaml \"a: {b: 1}\").a.b }}"),
        (".werf/ignored.txt", "{{ bad"),
        ("data/a", "one"),
        ("data/b", "two"),
        ("werf-giterminism.yaml", "giterminismConfigVersion: 1\nconfig: {goTemplateRendering: {allowEnvVariables: [TAG, NONE]}}"),
    ];
    let config = load_files(&files).map_err(|error| print(&error)).unwrap();
    let image = &config.images[0];
    assert_eq!((image.name.as_str(), image.cache_version.as_deref()), ("dev", Some("1a2b3c4d-1772357400-v1-d")));
    let commands = |stage| stapel(image).shell.stages[&stage].commands.iter().map(|command| command.text.clone()).collect::<Vec<_>>();
    assert_eq!(commands(UserStage::Install), ["one", "data/a=one data/b=two"]);
    assert_eq!(commands(UserStage::Setup), ["dev 1 true false true"]);
}

#[test]
fn secrets_mounts_and_added_files_need_permission() {
    const TEXT: &str = "\
image: app
from: scratch
secrets: [{env: TOKEN}, {src: ~/.npmrc}, {id: key, value: x}]
mount: [{from: build_dir, to: /cache}, {fromPath: /var/cache, to: /var}]
git: [{url: https://example.org/x.git, branch: main, to: /x}]
---
image: web
dockerfile: Dockerfile
context: app
contextAddFiles: [dist]
";
    const RULES: &str = "\
giterminismConfigVersion: 1
config:
  secrets: {allowEnvVariables: [TOKEN], allowFiles: [~/.npmrc], allowValueIds: [key]}
  stapel: {git: {allowBranch: true}, mount: {allowBuildDir: true, allowFromPaths: [/var/cache]}}
  dockerfile: {allowContextAddFiles: [app/dist]}
";
    let text = format!("{META}{TEXT}");
    let config = load_files(&[("werf.yaml", &text), ("werf-giterminism.yaml", RULES)]).map_err(|error| print(&error)).unwrap();
    let ids: Vec<_> = config.images[0].secrets.iter().map(|secret| secret.id.as_str()).collect();
    assert_eq!(ids, ["TOKEN", ".npmrc", "key"]);
    assert_eq!(config.images[0].secrets[2].source, SecretSource::Value("x".into()));
    assert!(!format!("{config:?}").contains("\"x\")"), "a secret's value is never printed");
    insta::assert_snapshot!(bad(TEXT), @"");
}

#[test]
fn no_file() {
    insta::assert_snapshot!(print(&load_files(&[]).unwrap_err()), @"");
}

#[test]
fn yaml_syntax() {
    insta::assert_snapshot!(bad("image: web\n  from: x\n---\nimage: b\nfrm: x\n"), @"");
}

#[test]
fn unknown_and_double_keys_and_wrong_types_come_together() {
    insta::assert_snapshot!(bad("\
image: web
dockerfile: Dockerfile
tagret: run
final: maybe
args: [a]
context: a
context: b
zzz: 1
"), @"");
}

#[test]
fn unknown_images() {
    insta::assert_snapshot!(bad("\
image: base
from: alpine:3
---
image: api
from: bsae
import: [{from: bas, add: /a, before: install}]
dependencies: [{image: other, before: setup, imports: []}]
"), @"");
}

#[test]
fn circles() {
    insta::assert_snapshot!(bad("\
image: a
from: b
---
image: b
from: alpine:3
import: [{from: c, add: /x, after: setup}]
---
image: c
dockerfile: Dockerfile
dependencies: [{image: a}]
---
image: d
dockerfile: Dockerfile
dependencies: [{image: d}]
"), @"");
}

#[test]
fn names_and_projects() {
    let text = "configVersion: 2\nproject: My_Shop\n---\nimage: a b\nfrom: x\n---\nimage: twice\nfrom: x\n---\nimage: twice\nfrom: x\n";
    insta::assert_snapshot!(print(&load_files(&[("werf.yaml", text)]).unwrap_err()), @"");
}

#[test]
fn what_is_not_supported_says_what_to_do() {
    insta::assert_snapshot!(bad("\
image: ~
from: x
---
artifact: build
from: x
---
image: app
from: alpine
fromLatest: true
ansible: {install: []}
disableGitAfterPatch: true
asLayers: true
git: [{to: /app, stageDependencies: {beforeInstall: a}, url: u, tag: t, basicAuth: {username: u}}]
---
image: web
dockerfile: Dockerfile
ssh: default
network: my-net
"), @"");
}

#[test]
fn rules_of_imports_mounts_secrets_and_arguments() {
    insta::assert_snapshot!(bad("\
image: base
from: alpine
import:
- {from: nginx:1, add: /, before: install, after: setup}
- {from: nginx:1, add: usr, stage: setup, before: start}
- {add: /x}
mount: [{from: home, to: /x}, {to: y}]
secrets: [{id: a}, {value: x}]
git: [{add: src, to: /x, includePaths: [/abs, ../up]}, {to: /y, branch: main}]
---
image: web
dockerfile: Dockerfile
args: {TAG: x}
platform: amd64
dependencies: [{image: base, before: install, imports: [{type: Imagename, targetBuildArg: T}, {type: ImageTag, targetBuildArg: TAG}]}]
"), @"");
}

#[test]
fn documents_that_are_nothing() {
    let text = "project: x\n---\nimag: web\n---\n- a\n---\nfoo: 1\n";
    insta::assert_snapshot!(print(&load_files(&[("werf.yaml", text)]).unwrap_err()), @"");
}

#[test]
fn cleanup_rules() {
    let text = "\
configVersion: 1
project: shop
cleanup:
  keepPolicies:
  - references: {branch: a, tag: b}
  - references: {tag: /(/, limit: {in: 7d, operator: Xor}}
  - imagesPerReference: {last: many}
";
    insta::assert_snapshot!(print(&load_files(&[("werf.yaml", text)]).unwrap_err()), @"");
}

#[test]
fn problems_in_rendered_text_name_the_line_that_wrote_them() {
    let text = "configVersion: 1\nproject: shop\n{{ range list }}\n{{ end }}---\n{{ $name := \"web\" }}\nimage: {{ $name }}\ndockerfil: {{ .Env }}\nfrom: x\n";
    insta::assert_snapshot!(print(&load_files(&[("werf.yaml", &text.replace("{{ range list }}\n{{ end }}", ""))]).unwrap_err()), @"");
}

#[test]
fn template_errors() {
    let text = |action: &str| print(&load_files(&[("werf.yaml", &format!("{META}image: web\nfrom: {action}\n"))]).unwrap_err());
    insta::assert_snapshot!(text("{{ if }}"), @"");
    insta::assert_snapshot!(text("{{ env \"HOME\" }}"), @"");
    insta::assert_snapshot!(text("{{ .Files.Get \"none\" }}"), @"");
    insta::assert_snapshot!(text("{{ required \"choose a base\" .Base }}"), @"");
}

#[test]
fn platforms_of_images_that_need_one_another() {
    insta::assert_snapshot!(bad("\
image: base
from: scratch
platform: linux/amd64
---
image: app
from: base
platform: [linux/amd64, linux/arm64]
"), @"");
}

#[test]
fn the_project_name_may_come_from_outside() {
    let tree = Arc::new(MemoryTree::new([("werf.yaml", "configVersion: 1\nproject: shop\n")]));
    let rules = Arc::new(giterminism::load("1a2b3c4", tree, None, Mode::Strict, None).unwrap());
    let config = load(&ConfigInput { project_name: Some("other"), ..input(&rules) }).unwrap();
    assert_eq!(config.meta.project, "other");
    let error = load(&ConfigInput { project_name: Some("Bad!"), ..input(&rules) }).unwrap_err();
    insta::assert_snapshot!(print(&error), @"");
}
