//! A build as it goes on.

use super::super::buildkit::stage::Step::{Cached, Moved, Printed, Runs, Took};
use super::super::buildkit::stage::step;
use super::terminal::Terminal;
use super::{Built, page};
use rustix::process::Signal;

const WEB: &str = "web.Dockerfile";

/// One image, in the middle of its second step.
async fn middle(built: &Built) {
    let stage = &built.stage;
    stage.tell(WEB, step("[internal] load build definition from web.Dockerfile", Took(0))).await;
    stage.tell(WEB, step("[1/4] FROM docker.io/library/node:22", Took(0))).await;
    stage.tell(WEB, step("[1/4] FROM docker.io/library/node:22", Cached)).await;
    stage.tell(WEB, step("[2/4] COPY package.json package-lock.json ./", Took(1))).await;
    stage.tell(WEB, step("[3/4] RUN npm ci", Runs)).await;
    let printed =
        "npm warn deprecated inflight@1.0.6: this module is not supported\r\nadded 340 packages, and audited 341 packages in 12s\n";
    stage.tell(WEB, step("[3/4] RUN npm ci", Printed(printed))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_image_at_three_widths() {
    for columns in [80, 100, 140] {
        let built = Built::of(&["web"]).await;
        let mut terminal = built.run(columns, 24);
        middle(&built).await;
        let screen = terminal.shows("added 340");
        match columns {
            80 => insta::assert_snapshot!(screen, @r"
              Missing image web  HOST/app:DIGEST…
              Builder ENDPOINT after T
                done  web  [2/4] COPY package.json package-lock.json ./ · T
            building  web  [3/4] RUN npm ci · added 340 packages, and audited … · T
            "),
            100 => insta::assert_snapshot!(screen, @r"
              Missing image web  HOST/app:DIGEST…
              Builder ENDPOINT after T
                done  web  [2/4] COPY package.json package-lock.json ./ · T
            building  web  [3/4] RUN npm ci · added 340 packages, and audited 341 packages in T · T
            "),
            _ => insta::assert_snapshot!(screen, @r"
              Missing image web  HOST/app:DIGEST…
              Builder ENDPOINT after T
                done  web  [2/4] COPY package.json package-lock.json ./ · T
            building  web  [3/4] RUN npm ci · added 340 packages, and audited 341 packages in T · T
            "),
        }
        if columns == 100 {
            page::shows("build", &screen);
        }
        let stage = &built.stage;
        stage.tell(WEB, step("[3/4] RUN npm ci", Took(12))).await;
        stage.tell(WEB, step("[4/4] COPY . .", Runs)).await;
        let screen = terminal.shows("[4/4]");
        assert!(screen.contains("       done  web  [3/4] RUN npm ci · T\n"), "{screen}");
        stage.tell(WEB, step("[4/4] COPY . .", Took(2))).await;
        stage.tell(WEB, step("exporting to image", Runs)).await;
        stage.tell(WEB, step("exporting to image", Moved("pushing layers", 0, 0))).await;
        let screen = terminal.shows("web  publish · pushing layers · T");
        assert!(!screen.contains("exporting"), "{screen}");
        stage.end(WEB).await;
        let (code, all) = terminal.ended();
        assert_eq!(code, Some(0), "{all}");
        insta::allow_duplicates! { insta::assert_snapshot!(all, @r"
          Missing image web  HOST/app:DIGEST…
          Builder ENDPOINT after T
             Done web  [2/4] COPY package.json package-lock.json ./ in T
             Done web  [3/4] RUN npm ci in T
             Done web  [4/4] COPY . . in T
        Published image web  HOST/app:DIGEST… in T
            Built 1 image: 3 steps run, 1 from the cache, T
        ") }
        if columns == 100 {
            page::shows("built", &all);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_are_told_with_their_image() {
    let built = Built::of(&["web"]).await;
    let mut terminal = built.run(100, 24);
    let (name, layer) = ("[1/2] FROM docker.io/library/node:22", format!("sha256:1f0c12345678{}", "a".repeat(52)));
    built.stage.tell(WEB, step(name, Runs)).await;
    built.stage.tell(WEB, step(name, Moved(&layer, 12_000_000, 48_000_000))).await;
    insta::assert_snapshot!(terminal.shows("25%"), @r"
      Missing image web  HOST/app:DIGEST…
      Builder ENDPOINT after T
    building  web  [1/2] FROM docker.io/library/node:22 · layer DIGEST… 25% · T
    ");
    built.stage.tell(WEB, step(name, Moved(&layer, 48_000_000, 48_000_000))).await;
    built.stage.tell(WEB, step(name, Moved(&format!("extracting {layer}"), 0, 0))).await;
    terminal.shows("web  [1/2] FROM docker.io/library/node:22 · extracting layer DIGEST… · T");
    built.stage.tell(WEB, step(name, Took(3))).await;
    built.stage.end(WEB).await;
    let (_, all) = terminal.ended();
    assert!(all.contains("Built 1 image: 1 step run, 0 from the cache, 48.0 MB fetched, T"), "{all}");
}

/// A build of many images, of which two are there, some run and some wait.
async fn many(columns: u16, rows: u16) -> (Built, Terminal) {
    let names: Vec<String> = (0..9).map(|at| format!("service-{at}")).chain(["api:base", "worker:base"].map(String::from)).collect();
    let images: Vec<&str> = ["base"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let built = Built::of(&images).await;
    let mut terminal = Terminal::run(built.command(&["--parallel-tasks-limit", "7"]), columns, rows);
    let stage = &built.stage;
    for done in ["service-0", "service-1"] {
        let dockerfile = format!("{done}.Dockerfile");
        let name = format!("[1/2] RUN make {done}");
        stage.tell(&dockerfile, step(&name, Runs)).await;
        terminal.shows(&name);
        stage.tell(&dockerfile, step(&name, Took(3))).await;
        stage.end(&dockerfile).await;
        terminal.shows(&format!("Published image {done}"));
    }
    for on in ["base", "service-2", "service-3", "service-4", "service-5", "service-6", "service-7"] {
        let dockerfile = format!("{on}.Dockerfile");
        stage.tell(&dockerfile, step(&format!("[1/2] RUN configure {on}"), Took(1))).await;
        stage.tell(&dockerfile, step(&format!("[2/2] RUN make {on}"), Runs)).await;
    }
    (built, terminal)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_images_have_a_total_and_no_more_rows_than_the_screen() {
    let (_built, mut terminal) = many(100, 24).await;
    let run = ["base", "service-2", "service-3", "service-4", "service-5", "service-6", "service-7"].map(|name| format!("RUN make {name}"));
    let screen = terminal.until(|screen| run.iter().all(|run| screen.contains(run)));
    // the registry answers in any order
    let screen: String = screen.split_inclusive('\n').skip_while(|line| line.contains("Missing")).collect();
    insta::assert_snapshot!(screen, @r"
      Builder ENDPOINT after T
         Done service-0  [1/2] RUN make service-0 in T
    Published image service-0  HOST/app:DIGEST… in T
         Done service-1  [1/2] RUN make service-1 in T
    Published image service-1  HOST/app:DIGEST… in T
    building  2 of 12 images, T
        done  base  [1/2] RUN configure base · T
    building  base  [2/2] RUN make base · T
        done  service-2  [1/2] RUN configure service-2 · T
    building  service-2  [2/2] RUN make service-2 · T
        done  service-3  [1/2] RUN configure service-3 · T
    building  service-3  [2/2] RUN make service-3 · T
        done  service-4  [1/2] RUN configure service-4 · T
    building  service-4  [2/2] RUN make service-4 · T
        done  service-5  [1/2] RUN configure service-5 · T
    building  service-5  [2/2] RUN make service-5 · T
        done  service-6  [1/2] RUN configure service-6 · T
    building  service-6  [2/2] RUN make service-6 · T
        done  service-7  [1/2] RUN configure service-7 · T
    building  service-7  [2/2] RUN make service-7 · T
     waiting  for a free place · image service-8
     waiting  for image base · images api, worker
    ");
    page::shows("many", &screen);
    let (_built, mut terminal) = many(80, 8).await;
    let screen = terminal.until(|screen| run[..5].iter().all(|run| screen.contains(run)));
    insta::assert_snapshot!(screen, @r"
    Published image service-1  HOST/app:DIGEST… in T
    building  2 of 12 images, T
    building  base  [2/2] RUN make base · T
    building  service-2  [2/2] RUN make service-2 · T
    building  service-3  [2/2] RUN make service-3 · T
    building  service-4  [2/2] RUN make service-4 · T
    building  service-5  [2/2] RUN make service-5 · T
              and 4 more
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_two_images_has_one_row_and_one_line() {
    let built = Built::of(&["app", "web"]).await;
    let mut terminal = built.run(100, 24);
    for dockerfile in ["app.Dockerfile", WEB] {
        built.stage.tell(dockerfile, step("[app install] make", Runs)).await;
    }
    built.stage.tell(WEB, step("[2/2] RUN web", Runs)).await;
    let screen = terminal.shows("RUN web");
    assert_eq!(screen.matches("app/install  make").count(), 1, "{screen}");
    for dockerfile in ["app.Dockerfile", WEB] {
        built.stage.tell(dockerfile, step("[app install] make", Took(4))).await;
        built.stage.end(dockerfile).await;
    }
    let (_, all) = terminal.ended();
    assert_eq!(all.matches("Done app/install  make in T").count(), 1, "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_changes_its_size_is_not_torn() {
    let built = Built::of(&["web", "worker"]).await;
    let mut terminal = built.run(120, 24);
    let long = "[2/2] RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates curl";
    built.stage.tell(WEB, step(long, Runs)).await;
    built.stage.tell("worker.Dockerfile", step("[2/2] RUN make worker", Runs)).await;
    terminal.shows("make worker");
    for (columns, cut) in [(60, "update && apt…"), (40, "RUN apt-…"), (90, "--yes --no-instal…"), (140, "ca-certificates curl")] {
        terminal.resize(columns, 24);
        let screen = terminal.until(|screen| screen.contains(cut) && screen.contains("  worker  [2/2]"));
        assert_eq!(screen.matches("images, T").count(), 1, "{columns}: {screen}");
        assert_eq!(screen.matches("RUN apt").count(), 1, "{columns}: {screen}");
    }
    built.stage.end(WEB).await;
    built.stage.end("worker.Dockerfile").await;
    let (_, all) = terminal.ended();
    assert!(!all.contains("building"), "no row stays: {all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_step_prints_has_its_columns_and_does_not_steer() {
    let built = Built::of(&["web"]).await;
    let mut terminal = built.run(40, 24);
    let (stage, name) = (&built.stage, "[2/2] RUN x");
    stage.tell(WEB, step(name, Runs)).await;
    for (printed, expect) in
        [("one two three\n", "   building  web  [2/2] RUN x · T"), ("\u{1b}[2Jwiped\u{202e}\u{7}\n", "   building  web  [2/2] RUN x · T")]
    {
        stage.tell(WEB, step(name, Printed(printed))).await;
        assert!(terminal.shows(expect).contains("Missing image web"), "narrow windows have no room for it, and nothing is wiped");
    }
    terminal.resize(80, 24);
    for (printed, expect) in [
        ("\u{1b}[2Jwiped\u{202e}\u{7}\n", "RUN x · [2Jwiped · T"),
        ("日本語のログがとても長いのでこの行には入らない、とても長いログ\n", "RUN x · 日本語のログがとても長いのでこの行に… · T"),
        ("שלום עולם\n", "RUN x · שלום עולם · T"),
    ] {
        stage.tell(WEB, step(name, Printed(printed))).await;
        terminal.shows(expect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interruption_takes_the_rows_away_and_keeps_what_has_ended() {
    let built = Built::of(&["web"]).await;
    let mut terminal = built.run(100, 24);
    middle(&built).await;
    terminal.shows("added 340");
    terminal.signal(Signal::INT);
    let (code, all) = terminal.ended();
    assert_eq!(code, Some(130), "{all}");
    // what is slow to end is told
    let all: String = all.split_inclusive('\n').filter(|line| !line.contains("Stopping after")).collect();
    insta::assert_snapshot!(all, @r"
         Missing image web  HOST/app:DIGEST…
         Builder ENDPOINT after T
            Done web  [2/4] COPY package.json package-lock.json ./ in T
    error: interrupted
    help: nothing half-done is taken for done: run the same command again to finish
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_are_whole_where_everything_is_told() {
    let built = Built::of(&["web"]).await;
    let mut terminal = Terminal::run(built.command(&["--log-verbose"]), 160, 24);
    terminal.shows("Missing image web  HOST/app:WHOLE-DIGEST\n");
}
