//! Mappings of other repositories, from werf.yaml to names of images.

use std::fs;

use super::super::fake_registry::full_repository;
use super::super::git::Sandbox as Repository;
use super::super::git_servers::{Manners, Smart};
use super::super::sandbox::Sandbox;
use super::told_with;

const HEAD: &str = "project: app\nconfigVersion: 1\n---\nimage: app\nfrom: scratch\ngit:\n";
const CHART: (&str, &str) = (".helm/templates/a.yaml", "a: {{ werf_image \"app\" }}\n");
const RULES: (&str, &str) = (
    "werf-giterminism.yaml",
    "giterminismConfigVersion: 1\nconfig: {stapel: {git: {allowBranch: true}}, secrets: {allowEnvVariables: [TOKEN], allowFiles: [~/token], allowValueIds: [ci]}}\n",
);

/// A project with these mappings, and a server of a library.
struct Scene {
    library: Repository,
    _served: tempfile::TempDir,
    smart: Smart,
}

impl Scene {
    fn new(manners: Manners) -> Self {
        let library = Repository::with(&[("a", "one"), ("b/c", "c")]);
        let served = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(library.path().join(".git"), served.path().join("lib.git")).unwrap();
        let smart = Smart::new(served.path(), manners);
        Scene { library, _served: served, smart }
    }

    fn private() -> Self {
        Scene::new(Manners { login: Some("ci:s3cret-token".into()), ..Manners::default() })
    }

    /// `HOST` stands for the server.
    fn project(&self, mappings: &str) -> Sandbox {
        let mappings = mappings.replace("HOST", &format!("127.0.0.1:{}", self.smart.port));
        let sandbox = Sandbox::commit(&[("werf.yaml", &format!("{HEAD}{mappings}")), CHART, RULES]);
        fs::create_dir_all(sandbox.root().join("home")).unwrap();
        sandbox
    }
}

fn image(sandbox: &Sandbox, env: &[(&str, &str)]) -> String {
    let printed = sandbox.werf_with(&["render", "--repo", &full_repository()], env);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(!printed.stderr.contains("s3cret"), "{}", printed.stderr);
    printed.stdout.lines().find_map(|line| line.strip_prefix("a: ")).unwrap_or_else(|| panic!("{}", printed.stdout)).to_owned()
}

#[test]
fn names_follow_the_branch_and_not_the_address() {
    let scene = Scene::new(Manners::default());
    let sandbox = scene
        .project("- {url: http://HOST/lib.git, branch: main, to: /lib}\n- {url: http://HOST/lib.git, branch: main, add: /b, to: /b}\n");
    let first = image(&sandbox, &[]);
    assert_eq!(scene.smart.requests.lock().unwrap().len(), 3, "one greeting, one list, one pack for two mappings");
    assert_eq!(image(&sandbox, &[]), first);
    let other = scene.project(
        "- {url: http://someone@HOST/lib.git, branch: main, to: /lib}\n- {url: http://HOST/lib.git, branch: main, add: /b, to: /b}\n",
    );
    assert_eq!(image(&other, &[]), first, "the name of who asks is no input");
    scene.library.write(&[("a", "two")]);
    scene.library.commit("second");
    assert_ne!(image(&sandbox, &[]), first);
}

#[test]
fn logins_come_from_werf_yaml_the_url_and_the_users_git() {
    let scene = Scene::private();
    let auth = |password: &str| {
        format!("- {{url: http://HOST/lib.git, branch: main, to: /lib, basicAuth: {{username: ci, password: {{{password}}}}}}}\n")
    };
    let first = image(&scene.project(&auth("env: TOKEN")), &[("TOKEN", "s3cret-token")]);
    let sandbox = scene.project(&auth("src: ~/token"));
    fs::write(sandbox.root().join("home/token"), "s3cret-token\n").unwrap();
    assert_eq!(image(&sandbox, &[]), first);
    assert_eq!(image(&scene.project(&auth("value: s3cret-token")), &[]), first);
    assert_eq!(image(&scene.project("- {url: http://ci:s3cret-token@HOST/lib.git, branch: main, to: /lib}\n"), &[]), first);

    let plain = "- {url: http://HOST/lib.git, branch: main, to: /lib}\n";
    let sandbox = scene.project(plain);
    let config = "[credential]\n\thelper = \"!f() { test \\\"$1\\\" = get || { cat >>~/told; echo $1 >>~/told; }; echo username=ci; echo password=s3cret-token; }; f\"\n";
    fs::write(sandbox.root().join("home/.gitconfig"), config).unwrap();
    assert_eq!(image(&sandbox, &[]), first);
    let helper_heard = fs::read_to_string(sandbox.root().join("home/told")).unwrap();
    assert!(helper_heard.contains("password=s3cret-token\n") && helper_heard.ends_with("store\n"), "{helper_heard}");

    let sandbox = scene.project("- {url: git@example.invalid:lib.git, branch: main, to: /lib}\n");
    let config = format!("[url \"http://ci:s3cret-token@127.0.0.1:{}/\"]\n\tinsteadOf = git@example.invalid:\n", scene.smart.port);
    fs::write(sandbox.root().join("home/.gitconfig"), config).unwrap();
    assert_eq!(image(&sandbox, &[]), first);

    // What the repository's own configuration says runs nothing and tells nothing.
    let sandbox = scene.project(plain);
    sandbox.git(&["config", "credential.helper", "!touch ran; echo username=ci; echo password=s3cret-token"]);
    let text = told_with(&sandbox, &["render", "--repo", &full_repository()], &[]);
    assert!(text.contains("401 Unauthorized") && !sandbox.app().join("ran").exists(), "{text}");
}

#[test]
fn a_problem_shows_its_mapping_without_secrets() {
    let scene = Scene::private();
    let sandbox = scene.project(
        "- {url: http://ci:wr0ng@HOST/lib.git, branch: main, to: /lib}\n- {url: http://HOST/lib.git, tag: v1, to: /b, basicAuth: {username: ci, password: {value: s3cret-token}}}\n",
    );
    insta::assert_snapshot!(told_with(&sandbox, &["render", "--repo", &full_repository()], &[]), @r"
    exit 1
    error: 2 mappings of other repositories are not to be had

    error: the Git repository `http://HOST/lib.git` does not accept who asks (401 Unauthorized): who are you, secret?
      ╭─[werf.yaml:7:3]
    7 │ - {url: http://********@HOST/lib.git, branch: main, to: /lib}
      ·   ───────────────────────────────────┬────────────────────────────────── named here
    help: let Git know a login (`git config --global credential.helper …`), or give `basicAuth` beside its URL a user and a password

    error: the Git repository `http://HOST/lib.git` has no tag `v1`
      ╭─[werf.yaml:8:3]
    8 │ - {url: http://HOST/lib.git, tag: v1, to: /b, basicAuth: {username: ci, password: {value: ************}}}
      ·   ─────────────────────────────────────────────────────────┬──────────────────────────────────────────────────────── named here
    help: it has no tag at all
    ");
    let sandbox =
        scene.project("- {url: http://HOST/lib.git, branch: main, to: /lib, basicAuth: {username: ci, password: {env: TOKEN}}}\n");
    insta::assert_snapshot!(told_with(&sandbox, &["render", "--repo", &full_repository()], &[]), @r"
    exit 1
    error: secret `ci`: the variable TOKEN is not set
    help: set TOKEN, or remove the secret where it is named
    ");
    insta::assert_snapshot!(told_with(&sandbox, &["render", "--repo", &full_repository(), "--ssh-key", "~/none"], &[("TOKEN", "x")]), @r"
    exit 1
    error: there is no SSH key `[SANDBOX]/home/none`
    help: pass the file of a private key with `--ssh-key`, or in WERF_SSH_KEY and WERF_SSH_KEY_*
    ");
}
