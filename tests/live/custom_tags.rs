//! Further tags of images, `--add-custom-tag` and `--use-custom-tag`.

use crate::published::curl;
use crate::testbed::{App, Needs, assert_says};

fn app() -> App {
    App::new(
        Needs::Cluster,
        &[
            (
                "werf.yaml",
                "project: shop\nconfigVersion: 1\n---\nimage: front\ndockerfile: Dockerfile\n---\nimage: back\ndockerfile: Dockerfile\nargs: {X: y}\n---\nimage: base\nfinal: false\ndockerfile: Dockerfile\nargs: {X: z}\n",
            ),
            ("Dockerfile", "FROM scratch\nARG X\nENV X=$X\nCOPY page /\n"),
            ("page", "1"),
            (
                ".helm/templates/images.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: images}\ndata:\n  front: {{ .Values.werf.image.front }}\n  tag: {{ .Values.global.werf.images.back.tag }}\n",
            ),
        ],
    )
}

/// The manifest under a tag.
fn manifest(app: &App, tag: &str) -> String {
    let (host, path) = app.repo.split_once('/').expect("a host");
    String::from_utf8(curl(&format!("http://{host}/v2/{path}/manifests/{tag}"))).expect("JSON")
}

/// `repo:tag` that a command told of an image after a word.
fn told<'a>(stderr: &'a str, word: &str, image: &str) -> Vec<&'a str> {
    let of_image = |line: &&str| line.contains(&format!("{word} image {image} "));
    stderr.lines().filter(of_image).filter_map(|line| line.split_whitespace().nth(3)?.rsplit(':').next()).collect()
}

#[test]
fn images_get_further_tags_which_follow_the_commit() {
    let app = app();
    let flags = ["build", "--add-custom-tag", "%image%-v1", "--add-custom-tag", "x-%image_safe_slug%-%image_content_based_tag%"];
    let mut fronts = Vec::new();
    for page in ["1", "2"] {
        app.commit(&[("page", page)]);
        let printed = app.werf(&flags);
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        let own = told(&printed.stderr, "Published", "front");
        assert_eq!(told(&printed.stderr, "Tagged", "front"), ["front-v1".to_owned(), format!("x-front-{}", own[0])], "{}", printed.stderr);
        assert_eq!(told(&printed.stderr, "Tagged", "base"), Vec::<&str>::new(), "what is not final has only its own");
        for tag in ["front-v1".to_owned(), format!("x-front-{}", own[0])] {
            assert_eq!(manifest(&app, &tag), manifest(&app, own[0]));
        }
        fronts.push(manifest(&app, "front-v1"));
    }
    assert_ne!(fronts[0], fronts[1], "the tag has moved");

    let again = app.werf_with(&["build", "-Z"], &[("WERF_ADD_CUSTOM_TAG_1", "%image%-v1")]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let other = app.werf(&["build", "--require-built-images", "--add-custom-tag", "%image%-v2", "front"]);
    assert_eq!(other.code, 1, "{}", other.stderr);
    assert_says(
        &other.stderr,
        &[&format!("error: image `front` does not have the tag {}:front-v2, and --require-built-images forbids to give it\n", app.repo)],
    );

    // a further tag is no image of its own: it stays and goes with the image's
    let cleaned = app.werf(&["cleanup", "--without-kube", "--keep-stages-built-within-last-n-hours", "0"]);
    assert_eq!(cleaned.code, 0, "{}", cleaned.stderr);
    assert_eq!(manifest(&app, "front-v1"), fronts[1]);
    assert_eq!(app.tags().len(), 6, "three images of two commits");
}

#[test]
fn charts_name_a_further_tag_where_giterminism_allows_it() {
    let app = app();
    let flags = ["converge", "--use-custom-tag", "live-%image%"];
    let refused = app.werf(&flags);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert_says(
        &refused.stderr,
        &[
            "error: giterminism does not allow --use-custom-tag (WERF_USE_CUSTOM_TAG)\n",
            "commit `cli: {allowCustomTags: true}` in werf-giterminism.yaml",
        ],
    );

    app.commit(&[("werf-giterminism.yaml", "giterminismConfigVersion: '1'\ncli: {allowCustomTags: true}\n")]);
    let printed = app.werf(&flags);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let data = app.kubectl(&["get", "configmap", "images", "-o", "jsonpath={.data.front} {.data.tag}"]);
    assert_eq!(data, format!("{}:live-front live-back", app.repo));
    let own = told(&printed.stderr, "Published", "front");
    assert_eq!(manifest(&app, "live-front"), manifest(&app, own[0]));
    let rendered = app.werf(&["render", "--use-custom-tag", "live-%image%"]);
    assert!(rendered.stdout.contains(&format!("front: {}:live-front\n", app.repo)), "{}", rendered.stdout);
}
