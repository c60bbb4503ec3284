//! Event loop of the window: winit events in, egui frames out.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use egui::ViewportId;
use egui_wgpu::winit::Painter;
use egui_wgpu::{RendererOptions, WgpuConfiguration, WgpuSetup, WgpuSetupCreateNew};
use winit::application::ApplicationHandler;
use winit::dpi::LogicalSize;
use winit::event::WindowEvent;
use winit::event_loop::{ActiveEventLoop, ControlFlow, EventLoop, EventLoopProxy};
use winit::window::{Window, WindowId};

use super::adapter::first_that_draws;
use super::desktop::NativeDialogs;
#[cfg(target_os = "linux")]
use super::desktop::follow_theme;
use super::frame_log::FrameLog;
use super::meshes::prepared;
use super::settings::{SMALLEST, Settings};
use super::window_icon::window_icon;
use crate::app::application::{App, AppOptions};
use crate::app::latent_map::scatter::{SoftwareGpu, TargetFormat};
use crate::app::trainer::Trainer;
use crate::device::{DeviceChoice, gpu};
use crate::monitor::{Worker, WorkerOptions};
use crate::platform::{Instant, Task};

#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error("no window, {0}")]
    Unavailable(String),
    #[error("the window failed, {0}, run `hourglass train` in the terminal instead")]
    Failed(String),
}

/// Checks whether a window can be opened here.
pub fn availability() -> Result<(), WindowError> {
    #[cfg(all(unix, not(target_os = "macos")))]
    {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !set("WAYLAND_DISPLAY") && !set("WAYLAND_SOCKET") && !set("DISPLAY") {
            return Err(WindowError::Unavailable("there is no display".to_owned()));
        }
        // winit panics where these are missing: look first.
        for library in ["libxkbcommon-x11.so.0", "libX11-xcb.so.1", "libXcursor.so.1", "libXi.so.6"] {
            if set("DISPLAY") && !library_is_there(library) {
                return Err(WindowError::Unavailable(format!(
                    "{library} is missing (Debian/Ubuntu: apt-get install libxkbcommon-x11-0 libxcursor1 libxi6 \
                     libxrandr2)"
                )));
            }
        }
    }
    remember_backend();
    let adapters = gpu::sorted_adapters();
    if adapters.is_empty() {
        return Err(WindowError::Unavailable(match gpu::chosen_backend() {
            Some(backend) => format!("no {backend} driver was found; --backend auto looks for any other"),
            None => "no graphics driver was found (Debian/Ubuntu: apt-get install mesa-vulkan-drivers libvulkan1)"
                .to_owned(),
        }));
    }
    first_that_draws(&adapters, None).map(drop).map_err(WindowError::Unavailable)
}

/// Applies the saved backend if none was asked for.
fn remember_backend() {
    let settings = Settings::path().map(|path| Settings::load(&path)).unwrap_or_default();
    if let Some(backend) = settings.backend.as_deref().and_then(|name| name.parse().ok()) {
        gpu::use_backend(Some(backend));
    }
}

/// Returns whether the dynamic linker finds `name`.
#[cfg(all(unix, not(target_os = "macos")))]
fn library_is_there(name: &str) -> bool {
    // SAFETY: loading a system library runs its initializers, as winit will do a moment later anyway.
    unsafe { libloading::Library::new(name) }.is_ok()
}

#[derive(Debug)]
enum Wake {
    /// Request of assistive technology.
    Access(egui_winit::accesskit_winit::Event),
    /// Change of the desktop's color scheme.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "winit tells it there"))]
    Theme(egui::Theme),
    /// New moment of the worker.
    Worker,
    /// Repaint requested by egui after a delay.
    After(Duration),
}

impl From<egui_winit::accesskit_winit::Event> for Wake {
    fn from(event: egui_winit::accesskit_winit::Event) -> Self {
        Self::Access(event)
    }
}

/// Opens the window with `run` already training; returns when it is closed and everything is saved.
///
/// # Errors
/// [`WindowError::Unavailable`] before anything has begun, [`WindowError::Failed`] after that.
pub fn open(mut run: WorkerOptions) -> Result<(), WindowError> {
    let failed = |error: &dyn std::fmt::Display| WindowError::Failed(error.to_string());
    run.watched = true;
    let mut builder = EventLoop::<Wake>::with_user_event();
    #[cfg(target_os = "linux")]
    prefer_x11(&mut builder);
    let event_loop = builder.build().map_err(|error| {
        // winit puts the place in its own source before the reason.
        let text = error.to_string();
        let reason = text.rsplit(": ").next().unwrap_or(&text);
        WindowError::Unavailable(format!("the display does not answer ({reason})"))
    })?;
    event_loop.set_control_flow(ControlFlow::Wait);
    let proxy = event_loop.create_proxy();
    let worker_proxy = proxy.clone();
    let start = Box::new(move |options: WorkerOptions| {
        let proxy = worker_proxy.clone();
        // The event loop is gone only after the window is closed.
        let worker = Worker::spawn(options, move || drop(proxy.send_event(Wake::Worker)))?;
        Ok(Box::new(worker) as Box<dyn Trainer>)
    });
    let mut devices = vec![("Automatic".to_owned(), DeviceChoice::Auto)];
    devices.extend(gpu::adapters().into_iter().enumerate().map(|(index, info)| {
        let kind = if info.software { "Software GPU" } else { "GPU" };
        (format!("{kind}: {} ({})", info.adapter, info.backend), DeviceChoice::GpuIndex(index))
    }));
    devices.push(("CPU, native".to_owned(), DeviceChoice::Cpu));
    let kept = Settings::path();
    let mut settings = kept.as_deref().map(Settings::load).unwrap_or_default();
    let remembered = settings.clone();
    settings.backend = gpu::chosen_backend().map(|backend| backend.to_string());
    if run.device == DeviceChoice::Auto
        && let Some(device) = settings.device_among(&devices)
    {
        run.device = device;
    }
    #[cfg(target_os = "linux")]
    {
        let proxy = proxy.clone();
        follow_theme(move |theme| drop(proxy.send_event(Wake::Theme(theme))));
    }
    let options = AppOptions {
        theme: settings.theme,
        settings: settings.clone(),
        devices,
        dialogs: Arc::new(NativeDialogs),
        drops: delivers_drops(),
        ..AppOptions::new(run, start)
    };
    let mut shell = Shell {
        app: App::new(options),
        proxy,
        context: egui::Context::default(),
        open: None,
        error: None,
        next_frame: None,
        theme: None,
        keeper: Keeper { path: kept, kept: remembered, written: None },
    };
    event_loop.run_app(&mut shell).map_err(|error| failed(&error))?;
    shell.app.close();
    shell.keeper.finish();
    shell.error.map_or(Ok(()), |error| Err(WindowError::Failed(error)))
}

/// Prefers X11 where a session offers both, unless `HOURGLASS_WAYLAND=1`: winit delivers no dropped files on Wayland.
#[cfg(target_os = "linux")]
fn prefer_x11(builder: &mut winit::event_loop::EventLoopBuilder<Wake>) {
    use winit::platform::x11::EventLoopBuilderExtX11 as _;
    let native = std::env::var("HOURGLASS_WAYLAND").is_ok_and(|value| value == "1");
    if std::env::var_os("DISPLAY").is_some_and(|value| !value.is_empty()) && !native {
        builder.with_x11();
    }
}

/// Returns whether dropped files arrive.
fn delivers_drops() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let native = std::env::var("HOURGLASS_WAYLAND").is_ok_and(|value| value == "1");
    !cfg!(target_os = "linux") || set("DISPLAY") && !native
}

/// Writer of changed settings on another thread, so that no frame waits for the disk.
struct Keeper {
    path: Option<PathBuf>,
    kept: Settings,
    written: Option<Task<(), ()>>,
}

impl Keeper {
    fn keep(&mut self, settings: &Settings) {
        let Some(path) = self.path.clone().filter(|_| *settings != self.kept) else { return };
        // One write at a time.
        if self.written.as_ref().is_some_and(|task| !task.is_ended()) {
            return;
        }
        self.kept.clone_from(settings);
        let settings = settings.clone();
        // If the folder cannot be written, only the settings are lost.
        let write = move |_: &mut dyn FnMut(()) -> _| drop(settings.save(&path));
        self.written = Task::start("hourglass-settings", || {}, write).ok();
    }

    fn finish(&mut self) {
        if let Some(task) = self.written.take() {
            task.finish();
        }
    }
}

struct Shell {
    app: App,
    proxy: EventLoopProxy<Wake>,
    context: egui::Context,
    open: Option<OpenedWindow>,
    error: Option<String>,
    /// Time of the next frame that egui or the worker requested.
    next_frame: Option<Instant>,
    /// Color scheme of the desktop, where the window system does not report it.
    theme: Option<egui::Theme>,
    keeper: Keeper,
}

struct OpenedWindow {
    window: Arc<Window>,
    painter: Painter,
    input: egui_winit::State,
    /// State of the window for egui.
    info: egui::ViewportInfo,
    frames: FrameLog,
    /// End of the last frame; `frame_duration` is the time it took.
    painted: Instant,
    frame_duration: Duration,
    pressed: bool,
    /// True if the surface takes colors without conversion.
    plain_colors: bool,
    /// True if the driver renders on the CPU.
    software: bool,
    title: String,
}

/// Least interval between frames for new moments of the worker.
const NEWS_INTERVAL: Duration = Duration::from_millis(60);

/// Pause after a frame of a software driver, as a multiple of its duration, which leaves most of the cores to the
/// training. It is shorter during a drag; frames of a real GPU are not delayed.
const REST: f32 = 5.0;
const REST_WHILE_PRESSED: f32 = 0.2;
/// Longest interval of frames due to this pause.
const LONGEST_INTERVAL: Duration = Duration::from_millis(95);

impl Shell {
    fn create(&mut self, event_loop: &ActiveEventLoop) -> Result<OpenedWindow, String> {
        let settings = self.app.settings();
        let ([width, height], [least_width, least_height]) = (settings.size, SMALLEST);
        self.context.set_zoom_factor(settings.zoom);
        // Hidden at first: AccessKit must be initialized before the window is shown.
        let attributes = Window::default_attributes()
            .with_title("Hourglass")
            .with_window_icon(window_icon())
            .with_visible(false)
            .with_maximized(settings.maximized)
            .with_inner_size(LogicalSize::new(width, height))
            .with_min_inner_size(LogicalSize::new(least_width, least_height));
        let window = Arc::new(event_loop.create_window(attributes).map_err(|error| error.to_string())?);
        let mut setup = WgpuSetupCreateNew::without_display_handle();
        setup.instance_descriptor.backends = gpu::backends();
        setup.instance_descriptor.flags = wgpu::InstanceFlags::empty();
        setup.native_adapter_selector = Some(Arc::new(|adapters, surface| {
            let (adapter, passed_over) = first_that_draws(adapters, surface)?;
            for name in passed_over {
                eprintln!("the window skipped the adapter {name}");
            }
            Ok(adapter)
        }));
        let configuration =
            WgpuConfiguration { wgpu_setup: WgpuSetup::CreateNew(setup), ..WgpuConfiguration::default() };
        let options = RendererOptions { dithering: false, ..RendererOptions::default() };
        let mut painter = pollster::block_on(Painter::new(self.context.clone(), configuration, false, options));
        pollster::block_on(painter.set_window(ViewportId::ROOT, Some(Arc::clone(&window))))
            .map_err(|error| error.to_string())?;
        let (mut plain_colors, mut software) = (false, false);
        if let Some(state) = painter.render_state() {
            plain_colors = !state.target_format.is_srgb();
            let resources = &mut state.renderer.write().callback_resources;
            resources.insert(TargetFormat(state.target_format));
            software = state.adapter.get_info().device_type == wgpu::DeviceType::Cpu;
            if software {
                resources.insert(SoftwareGpu);
            }
        }
        let mut input = egui_winit::State::new(
            self.context.clone(),
            ViewportId::ROOT,
            &window,
            Some(window.scale_factor() as f32),
            window.theme(),
            painter.max_texture_side(),
        );
        input.init_accesskit(event_loop, &window, self.proxy.clone());
        window.set_visible(true);
        let proxy = self.proxy.clone();
        self.context.set_request_repaint_callback(move |info| {
            // The event loop is gone only after the window is closed.
            let _ = proxy.send_event(Wake::After(info.delay));
        });
        let (frames, painted, frame_duration) = (FrameLog::from_environment(), Instant::now(), Duration::ZERO);
        let (info, title) = (egui::ViewportInfo::default(), String::new());
        let pressed = false;
        Ok(OpenedWindow {
            window,
            painter,
            input,
            info,
            frames,
            painted,
            frame_duration,
            pressed,
            plain_colors,
            software,
            title,
        })
    }

    fn paint(&mut self) {
        let Some(open) = &mut self.open else { return };
        let started = Instant::now();
        egui_winit::update_viewport_info(&mut open.info, &self.context, &open.window, false);
        let mut input = open.input.take_egui_input(&open.window);
        input.system_theme = input.system_theme.or(self.theme);
        input.viewports.insert(ViewportId::ROOT, open.info.clone());
        let app = &mut self.app;
        let output = self.context.run_ui(input, |ui| app.ui(ui));
        for viewport in output.viewport_output.into_values() {
            let (commands, mut actions) = (viewport.commands, Vec::new());
            let window = &open.window;
            egui_winit::process_viewport_commands(&self.context, &mut open.info, commands, window, &mut actions);
        }
        open.input.handle_platform_output(&open.window, output.platform_output);
        let mut primitives = self.context.tessellate(output.shapes, output.pixels_per_point);
        let mut textures = output.textures_delta;
        // These shaders write colors for surfaces without conversion only.
        if open.plain_colors
            && let Some(state) = open.painter.render_state()
        {
            let size = open.window.inner_size();
            let points = egui::vec2(size.width.max(1) as f32, size.height.max(1) as f32) / output.pixels_per_point;
            primitives = prepared(primitives, points, &mut textures, &state);
        }
        open.painter.paint_and_update_textures(
            ViewportId::ROOT,
            output.pixels_per_point,
            self.app.clear_color(&self.context).to_normalized_gamma_f32(),
            &primitives,
            &mut textures,
            Vec::new(),
            &open.window,
        );
        open.painted = Instant::now();
        open.frame_duration = open.painted - started;
        open.frames.frame(started);
        let title = self.app.title();
        if title != open.title {
            open.window.set_title(&title);
            open.title = title;
        }
        let mut settings = self.app.settings().clone();
        settings.zoom = self.context.zoom_factor();
        settings.maximized = open.window.is_maximized();
        settings.size = self.keeper.kept.size;
        let whole_screen = settings.maximized || open.window.fullscreen().is_some();
        if !whole_screen {
            let size = open.window.inner_size().to_logical::<f32>(open.window.scale_factor());
            settings.size = [size.width.round(), size.height.round()];
        }
        self.keeper.keep(&settings);
    }

    fn frame_at(&mut self, when: Instant) {
        let earliest = self.open.as_ref().map(|open| {
            let rest = match (open.software, open.pressed) {
                (false, _) => 0.0,
                (true, true) => REST_WHILE_PRESSED,
                (true, false) => REST,
            };
            let longest = LONGEST_INTERVAL.saturating_sub(open.frame_duration);
            open.painted + open.frame_duration.mul_f32(rest).min(longest)
        });
        let when = earliest.map_or(when, |earliest| when.max(earliest));
        self.next_frame = Some(self.next_frame.map_or(when, |before| before.min(when)));
    }
}

impl ApplicationHandler<Wake> for Shell {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.open.is_none() {
            match self.create(event_loop) {
                Ok(open) => {
                    open.window.request_redraw();
                    self.open = Some(open);
                }
                Err(error) => {
                    self.error = Some(error);
                    event_loop.exit();
                }
            }
        }
    }

    fn user_event(&mut self, _: &ActiveEventLoop, wake: Wake) {
        use egui_winit::accesskit_winit::WindowEvent as Access;
        let when = match wake {
            Wake::Theme(theme) => {
                self.theme = Some(theme);
                Instant::now()
            }
            Wake::Access(event) => {
                let Some(open) = &mut self.open else { return };
                match event.window_event {
                    Access::InitialTreeRequested => self.context.enable_accesskit(),
                    Access::ActionRequested(request) => open.input.on_accesskit_action_request(request),
                    Access::AccessibilityDeactivated => self.context.disable_accesskit(),
                }
                Instant::now()
            }
            Wake::Worker => self.open.as_ref().map_or_else(Instant::now, |open| open.painted + NEWS_INTERVAL),
            Wake::After(delay) => Instant::now() + delay.min(Duration::from_secs(3600)),
        };
        self.frame_at(when);
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        let Some(open) = &mut self.open else { return };
        match &event {
            WindowEvent::CloseRequested => {
                event_loop.exit();
                return;
            }
            WindowEvent::RedrawRequested => {
                self.paint();
                if self.app.wants_to_quit() {
                    event_loop.exit();
                }
                return;
            }
            WindowEvent::Resized(size) => {
                if let (Some(width), Some(height)) = (NonZeroU32::new(size.width), NonZeroU32::new(size.height)) {
                    open.painter.on_window_resized(ViewportId::ROOT, width, height);
                }
            }
            _ => {}
        }
        if let WindowEvent::MouseInput { state, .. } = &event {
            open.pressed = state.is_pressed();
        }
        if open.input.on_window_event(&open.window, &event).repaint {
            self.frame_at(Instant::now());
        }
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        let Some(when) = self.next_frame else {
            event_loop.set_control_flow(ControlFlow::Wait);
            return;
        };
        if Instant::now() >= when {
            self.next_frame = None;
            if let Some(open) = &self.open {
                open.window.request_redraw();
            }
            event_loop.set_control_flow(ControlFlow::Wait);
        } else {
            event_loop.set_control_flow(ControlFlow::WaitUntil(when));
        }
    }
}
