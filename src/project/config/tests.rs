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
        above: &|| None,
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
fn passwords_of_remote_repositories_need_permission() {
    const TEXT: &str = "\
image: app
from: scratch
git:
- {url: https://a/x, tag: v1, to: /a, basicAuth: {username: u, password: {env: TOKEN}}}
- {url: https://b/x, tag: v1, to: /b, basicAuth: {username: u, password: {src: ~/token}}}
- {url: https://c/x, tag: v1, to: /c, basicAuth: {username: u, password: {value: s3cret}}}
";
    const RULES: &str = "\
giterminismConfigVersion: 1
config: {secrets: {allowEnvVariables: [TOKEN], allowFiles: [~/token], allowValueIds: [u]}}
";
    let text = format!("{META}{TEXT}");
    let config = load_files(&[("werf.yaml", &text), ("werf-giterminism.yaml", RULES)]).map_err(|error| print(&error)).unwrap();
    let remotes = stapel(&config.images[0]).git.iter().filter_map(|mapping| mapping.remote.as_ref()?.basic_auth.as_ref());
    let sources: Vec<_> = remotes.map(|auth| (auth.username.as_str(), auth.password.source.clone())).collect();
    let expect = [SecretSource::Env("TOKEN".into()), SecretSource::File("~/token".into()), SecretSource::Value("s3cret".into())]
        .map(|source| ("u", source));
    assert_eq!(sources, expect);
    assert!(!format!("{config:?}").contains("Value(\"s3cret"), "a password is never printed");
    insta::assert_snapshot!(bad(TEXT), @r"
    error: werf.yaml has 3 problems
    error: giterminism does not allow the secret from the variable `TOKEN`
      at werf.yaml:7:80
        | - {url: https://a/x, tag: v1, to: /a, basicAuth: {username: u, password: {env: TOKEN}}}
        |                                                                                ^^^^^ depends on more than the commit
      help: it makes the result depend on more than the commit; if that is wanted, commit `config.secrets.allowEnvVariables: [TOKEN]` in werf-giterminism.yaml
    error: giterminism does not allow the secret from the file `~/token`
      at werf.yaml:8:80
        | - {url: https://b/x, tag: v1, to: /b, basicAuth: {username: u, password: {src: ~/token}}}
        |                                                                                ^^^^^^^ depends on more than the commit
      help: it makes the result depend on more than the commit; if that is wanted, commit `config.secrets.allowFiles: [~/token]` in werf-giterminism.yaml
    error: giterminism does not allow the secret `u` with its value in werf.yaml
      at werf.yaml:9:82
        | - {url: https://c/x, tag: v1, to: /c, basicAuth: {username: u, password: {value: s3cret}}}
        |                                                                                  ^^^^^^ depends on more than the commit
      help: it makes the result depend on more than the commit; if that is wanted, commit `config.secrets.allowValueIds: [u]` in werf-giterminism.yaml
    ");
    insta::assert_snapshot!(bad("image: app\nfrom: scratch\ngit: [{to: /a, basicAuth: {password: {env: A, value: b}, token: c}}]\n"), @r"
    error: werf.yaml has 4 problems
    error: `basicAuth` needs `url`
      at werf.yaml:6:27
        | git: [{to: /a, basicAuth: {password: {env: A, value: b}, token: c}}]
        |                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ for which repository?
      help: files of this repository need no login
    error: `basicAuth` of an entry of `git` has no `username`
      at werf.yaml:6:28
        | git: [{to: /a, basicAuth: {password: {env: A, value: b}, token: c}}]
        |                            ^^^^^^^^ `username` is missing here
      help: add `username: gitlab-ci-token`
    error: a secret has more than one source
      at werf.yaml:6:54
        | git: [{to: /a, basicAuth: {password: {env: A, value: b}, token: c}}]
        |                                                      ^ `value` is one too many
      help: keep one of `env`, `src`, `value`
    error: `basicAuth` of an entry of `git` has an unknown key `token`
      at werf.yaml:6:58
        | git: [{to: /a, basicAuth: {password: {env: A, value: b}, token: c}}]
        |                                                          ^^^^^ unknown key
      help: known keys here: `password`, `username`
    ");
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
    insta::assert_snapshot!(bad(TEXT), @r#"
    error: werf.yaml has 7 problems
    error: giterminism does not allow the secret from the variable `TOKEN`
      at werf.yaml:6:17
        | secrets: [{env: TOKEN}, {src: ~/.npmrc}, {id: key, value: x}]
        |                 ^^^^^ depends on more than the commit
      help: it makes the result depend on more than the commit; if that is wanted, commit `config.secrets.allowEnvVariables: [TOKEN]` in werf-giterminism.yaml
    error: giterminism does not allow the secret from the file `~/.npmrc`
      at werf.yaml:6:31
        | secrets: [{env: TOKEN}, {src: ~/.npmrc}, {id: key, value: x}]
        |                               ^^^^^^^^ depends on more than the commit
      help: it makes the result depend on more than the commit; if that is wanted, commit `config.secrets.allowFiles: [~/.npmrc]` in werf-giterminism.yaml
    error: giterminism does not allow the secret `key` with its value in werf.yaml
      at werf.yaml:6:59
        | secrets: [{env: TOKEN}, {src: ~/.npmrc}, {id: key, value: x}]
        |                                                           ^ depends on more than the commit
      help: it makes the result depend on more than the commit; if that is wanted, commit `config.secrets.allowValueIds: [key]` in werf-giterminism.yaml
    error: giterminism does not allow `from: build_dir`
      at werf.yaml:7:16
        | mount: [{from: build_dir, to: /cache}, {fromPath: /var/cache, to: /var}]
        |                ^^^^^^^^^ depends on more than the commit
      help: it makes the result depend on more than the commit; if that is wanted, commit `config.stapel.mount.allowBuildDir: true` in werf-giterminism.yaml
    error: giterminism does not allow `fromPath: /var/cache`
      at werf.yaml:7:51
        | mount: [{from: build_dir, to: /cache}, {fromPath: /var/cache, to: /var}]
        |                                                   ^^^^^^^^^^ depends on more than the commit
      help: it makes the result depend on more than the commit; if that is wanted, commit `config.stapel.mount.allowFromPaths: [/var/cache]` in werf-giterminism.yaml
    error: giterminism does not allow the branch `main` of another repository
      at werf.yaml:8:48
        | git: [{url: https://example.org/x.git, branch: main, to: /x}]
        |                                                ^^^^ depends on more than the commit
      help: it makes the result depend on more than the commit; if that is wanted, commit `config.stapel.git.allowBranch: true` in werf-giterminism.yaml
    error: giterminism does not allow `dist` in `contextAddFiles`
      at werf.yaml:13:19
        | contextAddFiles: [dist]
        |                   ^^^^ depends on more than the commit
      help: it makes the result depend on more than the commit; if that is wanted, commit `config.dockerfile.allowContextAddFiles: [app/dist]` in werf-giterminism.yaml
    "#);
}

#[test]
fn no_file() {
    insta::assert_snapshot!(print(&load_files(&[]).unwrap_err()), @r#"
    error: commit 1a2b3c4 has no `werf.yaml`, `werf.yml` or `werf.yaml.j2`
      help: create `werf.yaml` in the project's directory and commit it, or point `--dir` at the project; `--config` names another file
    "#);
}

#[test]
fn a_dockerfile_image_needs_its_dockerfile() {
    insta::assert_snapshot!(bad("image: web\ncontext: back\nargs: {A: b}\n"), @r#"
    error: image `web` has no `dockerfile`
      at werf.yaml:4:1
        | image: web
        | ^^^^^ `dockerfile` is missing here
      help: add `dockerfile: Dockerfile`
    "#);
}

#[test]
fn yaml_syntax() {
    insta::assert_snapshot!(bad("image: web\n  from: x\n---\nimage: b\nfrm: x\n"), @r#"
    error: werf.yaml has 3 problems
    error: mapping values are not allowed in this context
      at werf.yaml:5:7
        |   from: x
        |       ^ here
      help: a `: ` inside a value needs quotes, and a nested key its own line
    error: image `b` has no `from`
      at werf.yaml:7:1
        | image: b
        | ^^^^^ `from` is missing here
      help: add `from: alpine:3.22`
    error: image `b` has an unknown key `frm`
      at werf.yaml:8:1
        | frm: x
        | ^^^ unknown key
      help: did you mean `from`?
    "#);
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
"), @r#"
    error: werf.yaml has 5 problems
    error: image `web` has an unknown key `tagret`
      at werf.yaml:6:1
        | tagret: run
        | ^^^^^^ unknown key
      help: did you mean `target`?
    error: `final` of image `web` must be true or false, not a string
      at werf.yaml:7:8
        | final: maybe
        |        ^^^^^ expected true or false
    error: `args` of image `web` must be a mapping of names to values, not a list
      at werf.yaml:8:7
        | args: [a]
        |       ^^^ expected a mapping of names to values
    error: key `context` is already set in this mapping
      at werf.yaml:10:1
        | context: b
        | ^^^^^^^ here
      help: the first `context` is on line 9; keep one of them
    error: image `web` has an unknown key `zzz`
      at werf.yaml:11:1
        | zzz: 1
        | ^^^ unknown key
      help: known keys here: `addHost`, `args`, `cacheVersion`, `context`, `contextAddFiles`, `dependencies`, `dockerfile`, `final`, `image`, `imageSpec`, `network`, `platform`, `secrets`, `target`
    "#);
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
"), @r#"
    error: werf.yaml has 3 problems
    error: image `api` is based on unknown image `bsae`
      at werf.yaml:8:7
        | from: bsae
        |       ^^^^ no such image in this file
      help: did you mean `base`? If a public image is meant, write its tag: `bsae:latest`
    error: image `api` imports from unknown image `bas`
      at werf.yaml:9:17
        | import: [{from: bas, add: /a, before: install}]
        |                 ^^^ no such image in this file
      help: did you mean `base`? Images here: `base`
    error: image `api` depends on unknown image `other`
      at werf.yaml:10:24
        | dependencies: [{image: other, before: setup, imports: []}]
        |                        ^^^^^ no such image in this file
      help: images here: `base`
    "#);
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
"), @r#"
    error: werf.yaml has 2 problems
    error: images need one another in a circle: `a` → `b` → `c` → `a`
      at werf.yaml:13:24
        | dependencies: [{image: a}]
        |                        ^ this closes the circle
      help: remove one of these references
    error: image `d` depends on itself
      at werf.yaml:17:24
        | dependencies: [{image: d}]
        |                        ^ this closes the circle
      help: remove one of these references
    "#);
}

#[test]
fn names_and_projects() {
    let text = "configVersion: 2\nproject: My_Shop\n---\nimage: \"a\\tb\"\nfrom: x\n---\nimage: [~, {}]\nfrom: x\n---\nimage: twice\nfrom: x\n---\nimage: twice\nfrom: x\n";
    insta::assert_snapshot!(print(&load_files(&[("werf.yaml", text)]).unwrap_err()), @r#"
    error: werf.yaml has 6 problems
    error: `configVersion` is `2`, and only `1` is known
      at werf.yaml:1:16
        | configVersion: 2
        |                ^ unknown version
      help: write `configVersion: 1`
    error: the project name `My_Shop` is not valid: it must be lower-case letters, digits and `-`, with a letter or digit at each end
      at werf.yaml:2:10
        | project: My_Shop
        |          ^^^^^^^ not a project name
      help: for example `project: my-shop`
    error: `a\tb` is not a name for an image
      at werf.yaml:4:8
        | image: "a\tb"
        |        ^^^^^^ not an image name
      help: write at least one character, and none that controls terminals
    error: `image` must be a name or a list of names, not null
      at werf.yaml:7:9
        | image: [~, {}]
        |         ^ expected a name
    error: `image` must be a name or a list of names, not a mapping
      at werf.yaml:7:12
        | image: [~, {}]
        |            ^^ expected a name
    error: two images are named `twice`
      at werf.yaml:13:8
        | image: twice
        |        ^^^^^ the first is in line 10
      help: give each image a name of its own
    "#);
}

#[test]
fn what_is_not_supported_says_what_to_do() {
    insta::assert_snapshot!(bad("\
image: app
from: alpine
fromLatest: true
ansible: {install: []}
asLayers: true
git: [{to: /app, stageDependencies: {beforeInstall: a}, url: u, tag: t, basicAuth: {username: u}}]
---
image: web
dockerfile: Dockerfile
ssh: default
network: my-net
"), @r#"
    error: werf.yaml has 7 problems
    error: giterminism does not allow `fromLatest`
      at werf.yaml:6:13
        | fromLatest: true
        |             ^^^^ depends on more than the commit
      help: it makes the result depend on more than the commit; if that is wanted, commit `config.stapel.allowFromLatest: true` in werf-giterminism.yaml
    error: `ansible` is not supported: werf 2 ran it with an Ansible of its own, in Docker alone
      at werf.yaml:7:1
        | ansible: {install: []}
        | ^^^^^^^ not supported
      help: write the tasks as `shell` commands, or install Ansible in the image and run `ansible-playbook` in them; playbooks come with `git`
    error: `asLayers` is not supported: every command is a cached step already
      at werf.yaml:8:1
        | asLayers: true
        | ^^^^^^^^ not supported
      help: remove the key
    error: `beforeInstall` is not supported: `beforeInstall` runs before any file is there
      at werf.yaml:9:38
        | git: [{to: /app, stageDependencies: {beforeInstall: a}, url: u, tag: t, basicAuth: {username: u}}]
        |                                      ^^^^^^^^^^^^^ not supported
      help: move the commands that need files to `install`
    error: `basicAuth` of an entry of `git` has no `password`
      at werf.yaml:9:85
        | git: [{to: /app, stageDependencies: {beforeInstall: a}, url: u, tag: t, basicAuth: {username: u}}]
        |                                                                                     ^^^^^^^^ `password` is missing here
      help: add `password: {env: CI_JOB_TOKEN}`
    error: `ssh` is not supported: Dockerfile images get no SSH agent
      at werf.yaml:13:1
        | ssh: default
        | ^^^ not supported
      help: give the step a key as a secret: `secrets` here and `RUN --mount=type=secret` in the Dockerfile
    error: `network: my-net` is not supported: BuildKit knows only `default`, `host`, `none`
      at werf.yaml:14:10
        | network: my-net
        |          ^^^^^^ unknown network
    "#);
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
"), @r#"
    error: werf.yaml has 20 problems
    error: an import of `/` needs `includePaths`
      at werf.yaml:7:24
        | - {from: nginx:1, add: /, before: install, after: setup}
        |                        ^ the whole file system
      help: name what to take: `includePaths: [usr/bin/tool]`
    error: an entry of `import` has both `before` and `after`
      at werf.yaml:7:51
        | - {from: nginx:1, add: /, before: install, after: setup}
        |                                                   ^^^^^ one too many
      help: remove one of them
    error: `add: usr` must be an absolute path
      at werf.yaml:8:24
        | - {from: nginx:1, add: usr, stage: setup, before: start}
        |                        ^^^ does not begin with `/`
      help: for example `add: /usr`
    error: `stage` cannot be used with `nginx:1`
      at werf.yaml:8:36
        | - {from: nginx:1, add: usr, stage: setup, before: start}
        |                                    ^^^^^ only for images of this file
      help: remove `stage`
    error: `start` is not a stage to import before or after
      at werf.yaml:8:51
        | - {from: nginx:1, add: usr, stage: setup, before: start}
        |                                                   ^^^^^ unknown stage
      help: one of `install`, `setup`
    error: an entry of `import` has no `from`
      at werf.yaml:9:4
        | - {add: /x}
        |    ^^^ `from` is missing here
      help: add `from: IMAGE`
    error: an entry of `import` has no `before` or `after`
      at werf.yaml:9:4
        | - {add: /x}
        |    ^^^ `before` or `after` is missing here
      help: add `before` or `after: install`
    error: `from: home` is not a kind of mount
      at werf.yaml:10:16
        | mount: [{from: home, to: /x}, {to: y}]
        |                ^^^^ unknown kind
      help: one of `tmp_dir`, `build_dir`, or `fromPath: PATH`
    error: an entry of `mount` has no `from`
      at werf.yaml:10:32
        | mount: [{from: home, to: /x}, {to: y}]
        |                                ^^ `from` is missing here
      help: add `from: tmp_dir`
    error: `to: y` must be an absolute path
      at werf.yaml:10:36
        | mount: [{from: home, to: /x}, {to: y}]
        |                                    ^ does not begin with `/`
      help: for example `to: /y`
    error: an entry of `secrets` has no `env`, `src` or `value`
      at werf.yaml:11:12
        | secrets: [{id: a}, {value: x}]
        |            ^^ `env`, `src` or `value` is missing here
      help: add `env`, `src` or `value: TOKEN`
    error: an entry of `secrets` has no `id`
      at werf.yaml:11:21
        | secrets: [{id: a}, {value: x}]
        |                     ^^^^^ `id` is missing here
      help: add `id: my-secret`
    error: `add: src` must be an absolute path
      at werf.yaml:12:13
        | git: [{add: src, to: /x, includePaths: [/abs, ../up]}, {to: /y, branch: main}]
        |             ^^^ does not begin with `/`
      help: for example `add: /src`
    error: `/abs` in `includePaths` must be relative and without `..`
      at werf.yaml:12:41
        | git: [{add: src, to: /x, includePaths: [/abs, ../up]}, {to: /y, branch: main}]
        |                                         ^^^^ not a relative path
      help: for example `abs`
    error: `../up` in `includePaths` must be relative and without `..`
      at werf.yaml:12:47
        | git: [{add: src, to: /x, includePaths: [/abs, ../up]}, {to: /y, branch: main}]
        |                                               ^^^^^ not a relative path
      help: for example `up`
    error: `branch` needs `url`
      at werf.yaml:12:73
        | git: [{add: src, to: /x, includePaths: [/abs, ../up]}, {to: /y, branch: main}]
        |                                                                         ^^^^ of which repository?
      help: files of this repository always come from its HEAD commit
    error: the build argument `TAG` of image `web` is set twice
      at werf.yaml:16:8
        | args: {TAG: x}
        |        ^^^ also set from image `base` in line 18
      help: remove `TAG` from `args` or from `dependencies`
    error: `amd64` is not a platform
      at werf.yaml:17:11
        | platform: amd64
        |           ^^^^^ expected OS/ARCHITECTURE
      help: for example `platform: linux/amd64`
    error: `before` is not supported: a Dockerfile image has no stages
      at werf.yaml:18:30
        | dependencies: [{image: base, before: install, imports: [{type: Imagename, targetBuildArg: T}, {type: ImageTag, targetBuildArg: TAG}]}]
        |                              ^^^^^^ not supported
      help: remove the key: Dockerfile images get the values as build arguments
    error: `type: Imagename` is not a fact about an image
      at werf.yaml:18:64
        | dependencies: [{image: base, before: install, imports: [{type: Imagename, targetBuildArg: T}, {type: ImageTag, targetBuildArg: TAG}]}]
        |                                                                ^^^^^^^^^ unknown type
      help: did you mean `ImageName`?
    "#);
}

#[test]
fn documents_that_are_nothing() {
    let text = "project: x\n---\nimag: web\n---\n- a\n---\nfoo: 1\n";
    insta::assert_snapshot!(print(&load_files(&[("werf.yaml", text)]).unwrap_err()), @r#"
    error: werf.yaml has 4 problems
    error: werf.yaml has no `configVersion`
      at werf.yaml:1:1
        | project: x
        | ^^^^^^^ `configVersion` is missing here
      help: add `configVersion: 1`
    error: a document has none of `configVersion`, `image` and `dockerfile`
      at werf.yaml:3:1
        | imag: web
        | ^^^^ unknown key
      help: did you mean `image`?
    error: a document of werf.yaml must be a mapping, not a list
      at werf.yaml:5:1
        | - a
        | ^^^ expected `key: value` lines
    error: a document has none of `configVersion`, `image` and `dockerfile`
      at werf.yaml:7:1
        | foo: 1
        | ^^^ what is this?
      help: an image begins with `image: NAME`, the project with `configVersion: 1`
    "#);
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
    insta::assert_snapshot!(print(&load_files(&[("werf.yaml", text)]).unwrap_err()), @r#"
    error: werf.yaml has 6 problems
    error: `references` has both `branch` and `tag`
      at werf.yaml:5:34
        |   - references: {branch: a, tag: b}
        |                                  ^ one too many
      help: write two policies
    error: `/(/` is not a regular expression
      at werf.yaml:6:23
        |   - references: {tag: /(/, limit: {in: 7d, operator: Xor}}
        |                       ^^^ cannot be read
    error: `in: 7d` is not a duration
      at werf.yaml:6:40
        |   - references: {tag: /(/, limit: {in: 7d, operator: Xor}}
        |                                        ^^ not a duration
      help: write hours, minutes and seconds, such as `168h` or `1h30m`
    error: `operator` is `Xor`, not one of `And`, `Or`
      at werf.yaml:6:54
        |   - references: {tag: /(/, limit: {in: 7d, operator: Xor}}
        |                                                      ^^^ unknown operator
    error: an entry of `keepPolicies` has no `references`
      at werf.yaml:7:5
        |   - imagesPerReference: {last: many}
        |     ^^^^^^^^^^^^^^^^^^ `references` is missing here
      help: add `references: {branch: main}`
    error: `last` of `imagesPerReference` of an entry of `keepPolicies` must be a whole number, not a string
      at werf.yaml:7:32
        |   - imagesPerReference: {last: many}
        |                                ^^^^ expected a whole number
    "#);
}

#[test]
fn problems_in_rendered_text_name_the_line_that_wrote_them() {
    let text = "configVersion: 1\nproject: shop\n---\n{{ $name := \"web\" }}\nimage: {{ $name }}\ndockerfil: {{ .Env }}\nfrom: x\n";
    insta::assert_snapshot!(print(&load_files(&[("werf.yaml", text)]).unwrap_err()), @r#"
    error: image `web` has an unknown key `dockerfil`
      at werf.yaml (rendered):6:1
        | dockerfil: dev
        | ^^^^^^^^^ unknown key
      help: did you mean `dockerfile`?
    line 6 of werf.yaml wrote this
    "#);
}

#[test]
fn template_errors() {
    let text = |action: &str| print(&load_files(&[("werf.yaml", &format!("{META}image: web\nfrom: {action}\n"))]).unwrap_err());
    insta::assert_snapshot!(text("{{ if }}"), @r#"
    error: `werf.yaml` is not a valid template: missing value for if
      at werf.yaml:5:13
        | from: {{ if }}
        |             ^^ here
    "#);
    insta::assert_snapshot!(text("{{ env \"HOME\" }}"), @r#"
    error: cannot render werf.yaml: error calling env: giterminism does not allow the environment variable `HOME`: if the result may depend on it, commit `config.goTemplateRendering.allowEnvVariables: [HOME]` in werf-giterminism.yaml
      at werf.yaml:5:10
        | from: {{ env "HOME" }}
        |          ^^^^^^^^^^ in `env "HOME"`
    "#);
    insta::assert_snapshot!(text("{{ .Files.Get \"none\" }}"), @r#"
    error: cannot render werf.yaml: error calling Get: commit 1a2b3c4 has no file `none`
      at werf.yaml:5:10
        | from: {{ .Files.Get "none" }}
        |          ^^^^^^^^^^ in `.Files.Get`
    "#);
    insta::assert_snapshot!(text("{{ required \"choose a base\" .Base }}"), @r#"
    error: cannot render werf.yaml: choose a base
      at werf.yaml:5:10
        | from: {{ required "choose a base" .Base }}
        |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refused here
      help: `.Base` is not set
    "#);
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
"), @r#"
    error: image `app` is based on `base`, which is not built for `linux/arm64`
      at werf.yaml:9:7
        | from: base
        |       ^^^^ platforms differ
      help: `base` is built for `linux/amd64`
    "#);
}

#[test]
fn the_project_name_may_come_from_outside() {
    let tree = Arc::new(MemoryTree::new([("werf.yaml", "configVersion: 1\nproject: shop\n")]));
    let rules = Arc::new(giterminism::load("1a2b3c4", tree, None, Mode::Strict, None).unwrap());
    let config = load(&ConfigInput { project_name: Some("other"), ..input(&rules) }).unwrap();
    assert_eq!(config.meta.project, "other");
    let error = load(&ConfigInput { project_name: Some("Bad!"), ..input(&rules) }).unwrap_err();
    insta::assert_snapshot!(print(&error), @r#"
    error: the project name `Bad!` is not valid: it must be lower-case letters, digits and `-`, with a letter or digit at each end
      at werf.yaml:1:1
        | configVersion: 1
        | ^^^^^^^^^^^^^^^^ overridden from outside
      help: set `WERF_PROJECT_NAME` to another name
    "#);
}

#[test]
fn patterns_of_an_image_spec_are_checked_where_they_are() {
    insta::assert_snapshot!(bad("\
image: a
from: scratch
imageSpec:
  config:
    removeEnv: [A, /B_.*/, /(/]
    removeLabels: '/[z-a]/'
    removeVolumes: [/, //]
"), @r"
    error: werf.yaml has 2 problems
    error: `/(/` of `removeEnv` is not a regular expression
      at werf.yaml:8:28
        |     removeEnv: [A, /B_.*/, /(/]
        |                            ^^^ unclosed group
      help: write a name, or between slashes an expression for whole names, such as `/FOO_.*/`
    error: `/[z-a]/` of `removeLabels` is not a regular expression
      at werf.yaml:9:19
        |     removeLabels: '/[z-a]/'
        |                   ^^^^^^^^^ invalid character class range, the start must be <= the end
      help: write a name, or between slashes an expression for whole names, such as `/FOO_.*/`
    ");
    let config = good("image: a\nfrom: scratch\nimageSpec: {config: {removeEnv: [/A/, /, //, /a], removeLabels: /x.*/}}");
    let spec = config.images[0].image_spec.as_ref().unwrap();
    assert_eq!((spec.remove_env.join(" "), spec.remove_labels.join(" ")), ("/A/ / // /a".to_owned(), "/x.*/".to_owned()));
}

#[test]
fn values_of_the_docker_directive_are_words_unless_they_are_exact() {
    for (exact, expect) in [("false", r#"say "$A" \"#), ("true", r#"say \"$A\" \\"#)] {
        let config = good(&format!("image: a\nfrom: scratch\ndocker: {{EXPOSE: [80], ENV: {{A: 'say \"$A\" \\'}}, exactValues: {exact}}}"));
        let spec = config.images[0].image_spec.as_ref().unwrap();
        assert_eq!((spec.env["A"].as_str(), spec.add_ports.join(" ")), (expect, "80".to_owned()), "{exact}");
    }
}

/// What is told of a configuration that is taken, without what is told of its templates.
fn told(text: &str) -> String {
    good(text).warnings.iter().map(|warning| format!("{}\n{}", warning.message, warning.help)).collect::<Vec<_>>().join("\n")
}

#[test]
fn old_spellings_mean_what_they_meant() {
    let config = good(
        "\
artifact: builder
from: alpine:3
---
artifact: second
fromArtifact: builder
---
image: app
fromImage: docker.io/library/alpine:3
import:
- {artifact: builder, add: /a, after: install}
- {image: second, add: /a, to: /b, after: install}
- {image: localhost:5000/x:1, add: /c, after: install}
---
image: own
fromImage: app
---
image: self
fromImage: alpine@sha256:0123
",
    );
    let names: Vec<(&str, bool)> = config.images.iter().map(|image| (image.name.as_str(), image.is_final)).collect();
    assert_eq!(names, [("builder", false), ("second", false), ("app", true), ("own", true), ("self", true)]);
    let bases: Vec<From> = config.images.iter().map(|image| stapel(image).from.clone()).collect();
    let reference = |text: &str| From::Reference(text.into());
    let image = |text: &str| From::Image(text.into());
    let expect =
        [reference("alpine:3"), image("builder"), reference("docker.io/library/alpine:3"), image("app"), reference("alpine@sha256:0123")];
    assert_eq!(bases, expect);
    let imports: Vec<From> = stapel(&config.images[2]).imports.iter().map(|import| import.from.clone()).collect();
    assert_eq!(imports, [image("builder"), image("second"), reference("localhost:5000/x:1")]);
}

#[test]
fn each_old_spelling_is_told_with_what_to_write() {
    insta::assert_snapshot!(told("\
artifact: builder
from: alpine:3
---
image: app
fromImage: builder
disableGitAfterPatch: false
docker: {VOLUME: /v, EXPOSE: 80, ENV: {A: b}, LABEL: {a: b}, CMD: c, ENTRYPOINT: e, WORKDIR: /w, USER: u, HEALTHCHECK: NONE}
import:
- {artifact: builder, add: /a, after: install}
- {image: builder, add: /b, after: install}
---
artifact: last
fromArtifact: builder
"), @r"
    werf.yaml is written in ways that later versions of werf do not take
    werf.yaml:4: instead of `artifact: builder` write `image: builder` and `final: false`
    werf.yaml:8: instead of `fromImage: builder` write `from: builder`
    werf.yaml:9: remove `disableGitAfterPatch`: there are no patches, files are always those of the commit
    werf.yaml:10: instead of `docker` write `imageSpec: {config: {volumes: …, expose: …, env: …, labels: …, cmd: …, entrypoint: …, workingDir: …, user: …, healthcheck: …}}`
    werf.yaml:12: instead of `artifact: builder` write `from: builder`
    werf.yaml:13: instead of `image: builder` write `from: builder`
    werf.yaml:15: instead of `artifact: last` write `image: last` and `final: false`
    werf.yaml:16: instead of `fromArtifact: builder` write `from: builder`
    ");
    insta::assert_snapshot!(told("image: ~\nfrom: scratch\n"), @r"
    werf.yaml is written in ways that later versions of werf do not take
    werf.yaml:4: give the image a name (`image: app`), which charts use as `.Values.werf.image.app`
    ");
    assert_eq!(told("image: a\nfrom: scratch\n---\nimage: b\nfrom: a\ndependencies: [{image: a, after: setup}]\n"), "");
}

#[test]
fn artifacts_have_fewer_keys_than_images() {
    insta::assert_snapshot!(bad("\
artifact: a
from: scratch
final: true
docker: {USER: u}
dependencies: []
disableGitAfterPatch: true
---
image: b
artifact: c
from: scratch
---
artifact: [d]
from: scratch
"), @r"
    error: werf.yaml has 6 problems
    error: an artifact cannot have `final`
      at werf.yaml:6:1
        | final: true
        | ^^^^^ not for artifacts
      help: write `image` instead of `artifact`, and `final: false` if charts have no use for it
    error: an artifact cannot have `docker`
      at werf.yaml:7:1
        | docker: {USER: u}
        | ^^^^^^ not for artifacts
      help: write `image` instead of `artifact`, and `final: false` if charts have no use for it
    error: an artifact cannot have `dependencies`
      at werf.yaml:8:1
        | dependencies: []
        | ^^^^^^^^^^^^ not for artifacts
      help: write `image` instead of `artifact`, and `final: false` if charts have no use for it
    error: an artifact cannot have `disableGitAfterPatch`
      at werf.yaml:9:1
        | disableGitAfterPatch: true
        | ^^^^^^^^^^^^^^^^^^^^ not for artifacts
      help: write `image` instead of `artifact`, and `final: false` if charts have no use for it
    error: a document has both `image` and `artifact`
      at werf.yaml:12:1
        | artifact: c
        | ^^^^^^^^ one too many
      help: keep `image`, and `final: false` if charts have no use for it
    error: `artifact` must be a name, not a list
      at werf.yaml:15:11
        | artifact: [d]
        |           ^^^ expected a name
    ");
}

#[test]
fn bases_and_sources_that_are_no_image_of_the_file() {
    insta::assert_snapshot!(bad("\
image: base
from: alpine:3
---
image: slip
fromImage: bsae
---
image: far
fromImage: alpine
import: [{image: localhost:5000/base, add: /a, after: install}, {artifact: 'base:1', add: /a, to: /b, after: install}]
"), @r"
    error: werf.yaml has 4 problems
    error: image `slip` is based on unknown image `bsae`
      at werf.yaml:8:12
        | fromImage: bsae
        |            ^^^^ no such image in this file
      help: did you mean `base`? Images here: `base`, `far`
    error: image `far` is based on unknown image `alpine`
      at werf.yaml:11:12
        | fromImage: alpine
        |            ^^^^^^ no such image in this file
      help: images here: `base`, `slip`
    error: image `far` imports from unknown image `localhost:5000/base`
      at werf.yaml:12:18
        | import: [{image: localhost:5000/base, add: /a, after: install}, {artifact: 'base:1', add: /a, to: /b, after: install}]
        |                  ^^^^^^^^^^^^^^^^^^^ no such image in this file
      help: images here: `base`, `slip`
    error: image `far` imports from unknown image `base:1`
      at werf.yaml:12:76
        | import: [{image: localhost:5000/base, add: /a, after: install}, {artifact: 'base:1', add: /a, to: /b, after: install}]
        |                                                                            ^^^^^^^^ no such image in this file
      help: did you mean `base`? Images here: `base`, `slip`
    ");
}

#[test]
fn an_image_without_a_name_is_the_only_one_for_charts() {
    insta::assert_snapshot!(bad("image: ~\nfrom: scratch\n---\nimage: b\nfrom: scratch\n"), @r"
    error: an image without a name stands beside others
      at werf.yaml:4:8
        | image: ~
        |        ^ which of them is it?
      help: give it a name, or `final: false` to the others
    ");
    let config = good("image: ~\nfrom: b\n---\nimage: b\nfinal: false\nfrom: scratch\n");
    assert_eq!(config.images[0].name, super::image::NAMELESS);
    for nameless in ["image:", "image: ''", "image: ~"] {
        assert_eq!(good(&format!("{nameless}\ndockerfile: Dockerfile\n")).images[0].name, super::image::NAMELESS, "{nameless}");
    }
}

#[test]
fn numbers_are_read_as_go_reads_them() {
    for version in ["1", "1.0", "1.9", "01"] {
        let text = format!("configVersion: {version}\nproject: shop\ncleanup: {{keepImagesBuiltWithinLastNHours: 3.0}}\n");
        let config = load_files(&[("werf.yaml", &text)]).map_err(|error| print(&error)).unwrap();
        assert_eq!(config.meta.cleanup.keep_images_built_within, Duration::from_secs(3 * 3600), "{version}");
    }
    for version in ["0", "2.0", "one", ".nan", "-1"] {
        assert!(load_files(&[("werf.yaml", &format!("configVersion: {version}\nproject: shop\n"))]).is_err(), "{version}");
    }
}

#[test]
fn contexts_count_from_the_repository_s_root_where_the_project_is_below_it() {
    let config = good("image: a\ndockerfile: Dockerfile\n---\nimage: b\ncontext: app\ndockerfile: Dockerfile\n");
    let contexts = |config: &Config| {
        let context = |image: &Image| match &image.recipe {
            Recipe::Dockerfile(recipe) => recipe.context.clone(),
            Recipe::Stapel(_) => String::new(),
        };
        config.images.iter().map(context).collect::<Vec<_>>()
    };
    assert_eq!(contexts(&config.clone().from_root("")), ["", "app"]);
    assert_eq!(contexts(&config.from_root("svc/web")), ["svc/web", "svc/web/app"]);
}

#[test]
fn two_mounts_at_one_place() {
    insta::assert_snapshot!(bad("image: a\nfrom: scratch\nmount: [{from: tmp_dir, to: /x}, {from: tmp_dir, to: /x/}]\n"), @r"
    error: two mounts are at `/x`
      at werf.yaml:6:34
        | mount: [{from: tmp_dir, to: /x}, {from: tmp_dir, to: /x/}]
        |                                  ^^^^^^^^^^^^^^^^^^^^^^^^ the second one
      help: give each mount a place of its own
    ");
}

#[test]
fn paths_stay_where_they_begin() {
    insta::assert_snapshot!(bad("image: a\ncontext: a/../../b\ndockerfile: ../Dockerfile\n"), @r"
    error: werf.yaml has 2 problems
    error: `context: a/../../b` leads out of the project's directory
      at werf.yaml:5:10
        | context: a/../../b
        |          ^^^^^^^^^ outside
      help: write a path in the project's directory
    error: `dockerfile: ../Dockerfile` leads out of its context
      at werf.yaml:6:13
        | dockerfile: ../Dockerfile
        |             ^^^^^^^^^^^^^ outside
      help: write a path in its context
    ");
    let config = good("image: a\nfrom: scratch\ngit: [{add: /a/../src, to: /x/../y, excludePaths: a/../b}]\n");
    let git = &stapel(&config.images[0]).git[0];
    assert_eq!((git.add.as_str(), git.to.as_str(), git.exclude_paths.as_slice()), ("src", "/y", ["b".to_owned()].as_slice()));
}
