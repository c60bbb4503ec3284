//! The program itself in a window, under Xvfb, with a real pointer: it opens, trains, is dragged and dropped on, and closes
//! with the run saved.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hourglass::model::preset;
use hourglass::train::RunDir;

/// A process that ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn xdotool(display: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("xdotool").args(arguments).env("DISPLAY", display).output().expect("xdotool is installed");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A virtual display of its own number. Without `-noreset` the server starts over whenever its last client leaves, and
/// refuses the next one meanwhile.
fn x_server() -> (Running, String) {
    use std::io::{BufRead as _, BufReader};
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-noreset", "-screen", "0", "1280x800x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Xvfb is installed; ./test installs it");
    let stdout = server.stdout.take().expect("piped");
    let server = Running(server);
    let mut number = String::new();
    BufReader::new(stdout).read_line(&mut number).expect("the number of the display");
    assert!(!number.trim().is_empty(), "Xvfb did not start");
    (server, format!(":{}", number.trim()))
}

/// Steps in the last checkpoint of the run called `name` under `data`.
fn saved_step(data: &Path, name: &str) -> Option<u64> {
    let run = data.join("hourglass").join("runs").join(name);
    RunDir::open(&run).ok()?.read_checkpoint("last").ok().map(|(state, _)| state.step)
}

/// The program in its window, on a display of its own.
struct Opened {
    _server: Running,
    display: String,
    program: Running,
    window: String,
    folder: tempfile::TempDir,
}

impl Opened {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (server, display) = x_server();
        let program = Running(
            Command::new(env!("CARGO_BIN_EXE_hourglass"))
                .args(["--device", "cpu"])
                .env("DISPLAY", &display)
                .env_remove("WAYLAND_DISPLAY")
                .env_remove("DBUS_SESSION_BUS_ADDRESS")
                .env("XDG_DATA_HOME", folder.path())
                .env("XDG_CONFIG_HOME", folder.path().join("config"))
                .stdout(Stdio::null())
                .spawn()
                .expect("the program starts"),
        );
        let find = || xdotool(&display, &["search", "--name", "Hourglass"]).filter(|found| !found.is_empty());
        let window = wait_until("the window", find).lines().next().expect("an id").to_owned();
        // Without a window manager place and focus must be set by hand.
        wait_until("the focus", || {
            xdotool(&display, &["windowmove", &window, "0", "0"])?;
            xdotool(&display, &["windowfocus", &window])
        });
        Self { _server: server, display, program, window, folder }
    }

    fn title(&self, pattern: &str) -> Option<String> {
        xdotool(&self.display, &["search", "--name", pattern]).filter(|found| !found.is_empty())
    }

    fn key(&self, name: &str) {
        wait_until("a key", || xdotool(&self.display, &["key", "--window", "0", name]));
    }

    fn pointer(&self, arguments: &[&str]) {
        wait_until("the pointer", || xdotool(&self.display, arguments));
        // A frame sees where it is before it goes on.
        std::thread::sleep(Duration::from_millis(150));
    }

    fn move_to(&self, at: egui::Pos2) {
        self.pointer(&["mousemove", &format!("{:.0}", at.x), &format!("{:.0}", at.y)]);
    }

    fn wait_for_training(&self) {
        // The title counts percent while it trains.
        wait_until("training", || self.title("^[1-9][0-9]*%.*Hourglass$"));
    }

    fn quit(&mut self) {
        self.key("ctrl+q");
        let status = wait_until("the end", || self.program.0.try_wait().expect("a status"));
        assert_eq!(status.code(), Some(0));
    }
}

#[test]
fn the_window_opens_trains_pauses_steps_and_closes() {
    if crate::support::gpu().is_none() {
        return;
    }
    let mut open = Opened::new();
    open.wait_for_training();
    open.key("space");
    wait_until("the pause", || open.title("^Hourglass$"));
    open.key("s");
    std::thread::sleep(Duration::from_millis(500));
    assert!(open.title("^Hourglass$").is_some(), "a step is followed by a pause");
    open.key("space");
    open.wait_for_training();
    open.quit();
    let folder = open.folder.path();
    assert!(saved_step(folder, "map-001").is_some_and(|step| step > 10), "the run was saved");
    assert!(folder.join("hourglass/runs/map-001/model.safetensors").is_file());
}

/// A real pointer and a real drop: a slider is dragged, workspaces are changed, a spec and a table are dropped, and what
/// was chosen is there after the end.
#[test]
fn a_slider_is_dragged_and_files_are_dropped_on_the_real_window() {
    if crate::support::gpu().is_none() {
        return;
    }
    let mut open = Opened::new();
    open.wait_for_training();
    // On a first start the hints take a line.
    let (slider, hints) = crate::window_shell::places_on_a_first_start();
    open.move_to(slider.center());
    open.pointer(&["mousedown", "1"]);
    open.move_to(slider.center() + egui::vec2(0.2 * slider.width(), 0.0));
    open.pointer(&["mouseup", "1"]);
    open.move_to(hints.center());
    open.pointer(&["click", "1"]);
    for key in ["2", "5", "0", "Escape", "t", "1"] {
        open.key(key);
        std::thread::sleep(Duration::from_millis(300));
    }
    open.wait_for_training();

    let folder = open.folder.path().to_owned();
    let target = open.window.parse().expect("a number");
    let source = crate::xdnd::Source::new(&open.display, target);
    let spec = preset("undercomplete").expect("a preset").spec;
    let spec = spec.with_set(&["train.epochs=40".to_owned()]).expect("a setting");
    let dropped = folder.join("dropped.toml");
    std::fs::write(&dropped, spec.to_toml().expect("a spec")).expect("a file");
    source.drop_file(&dropped, || std::thread::sleep(Duration::from_millis(400)));
    wait_until("the run of the spec that was dropped", || saved_step(&folder, "run-001"));
    // The run that was left is saved on a thread of its own.
    wait_until("the slider's edit in the spec of the run that was left", || {
        let spec = std::fs::read_to_string(folder.join("hourglass/runs/map-001/spec.toml")).ok()?;
        spec.contains("[[edits]]").then_some(())
    });

    open.key("4");
    let table = folder.join("cells.csv");
    // A column of labels that is found by its name.
    let text = std::fs::read_to_string(fixture("breast_cancer.csv")).expect("a table");
    std::fs::write(&table, text.replacen("malignant", "label", 1)).expect("a table");
    source.drop_file(&table, || std::thread::sleep(Duration::from_millis(400)));
    let save = crate::window_detect::place_of_saving();
    wait_until("the scores of the table that was dropped", || {
        open.move_to(save.center());
        open.pointer(&["click", "1"]);
        std::thread::sleep(Duration::from_millis(700));
        folder.join("cells-scores.csv").is_file().then_some(())
    });
    open.quit();
    assert!(saved_step(&folder, "run-001").is_some_and(|step| step > 0), "the run was saved");
    let kept = std::fs::read_to_string(folder.join("config/hourglass/window.json")).expect("settings");
    assert!(kept.contains("\"theme\": \"light\"") && kept.contains("\"hints_seen\": true"), "{kept}");
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data").join(name)
}
