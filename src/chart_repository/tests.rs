//! Laws of the pure parts: whatever servers and files say, there is an answer.

use proptest::prelude::*;

use super::index::{Index, in_range};
use super::repositories::Repositories;
use super::{oci, url};

/// Pieces that indexes, lists of repositories, URLs and versions are made of.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("apiVersion: v1\n"),
        Just("entries:\n"),
        Just("  web:\n"),
        Just("  - name: web\n"),
        Just("    version: 1.2.3-rc.1+b\n"),
        Just("    urls: [web.tgz, ~, 1]\n"),
        Just("    digest: sha256:0\n"),
        Just("repositories:\n- name: a\n  url: http://u:p@h/\n"),
        Just("{"),
        Just("["),
        Just("null"),
        Just("oci://"),
        Just("https://"),
        Just("u:%4"),
        Just("@"),
        Just("é"),
        Just(":1"),
        Just("/../"),
        Just("?x"),
        Just(">=1 <2 || ~3"),
        Just("\n"),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_panics(one in pieces(), other in pieces()) {
        if let Ok(index) = Index::parse(&one) {
            for name in index.charts.keys() {
                let _ = (index.find(name, &other), index.names_near(&other));
            }
        }
        let _ = (Repositories::parse(&one), oci::parse(&one), in_range(&one, &other));
        let _ = (url::join(&one, &other), url::split_login(&one), url::file_name(&one).len(), url::same(&one, &other));
    }

    #[test]
    fn a_url_without_its_login_has_none(user in "[a-z%@:/]{0,6}", password in "[a-z%@]{0,6}", rest in "[a-z/@?]{0,8}") {
        let (bare, _) = url::split_login(&format!("https://{user}:{password}@host/{rest}"));
        let authority = bare.trim_start_matches("https://").split(['/', '?']).next().unwrap_or_default().to_owned();
        prop_assert!(!authority.contains('@'), "{bare}");
    }

    #[test]
    fn the_newest_version_of_a_range_is_found(versions in proptest::collection::vec((0u8..4, 0u8..4, 0u8..4), 1..12), major in 0u8..4) {
        let lines: String = versions.iter().map(|(a, b, c)| format!("  - {{name: web, version: {a}.{b}.{c}, urls: [x]}}\n")).collect();
        let index = Index::parse(&format!("apiVersion: v1\nentries:\n  web:\n{lines}")).unwrap();
        let newest = versions.iter().filter(|version| version.0 == major).max();
        let found = index.find("web", &format!("{major}.x.x")).map(|found| found.version.clone());
        prop_assert_eq!(found, newest.map(|(a, b, c)| format!("{a}.{b}.{c}")));
    }
}
