//! Store of compiled pipelines on disk, where the backend can (wgpu: Vulkan alone): the next start compiles none of
//! them again. Its files are never needed and may be deleted at any time; a driver that did not make them refuses them.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::platform::{files, folders};

#[derive(Debug)]
pub(super) struct PipelineStore {
    cache: wgpu::PipelineCache,
    path: PathBuf,
    /// Contents of the file.
    kept: Mutex<Vec<u8>>,
}

impl PipelineStore {
    /// Opens the store of `device`, or a new one; `None` where the backend has none or the platform names no folder.
    pub fn open(device: &wgpu::Device, adapter: &wgpu::AdapterInfo) -> Option<Self> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let path = folders::cache_folder()?.join("pipelines").join(wgpu::util::pipeline_cache_key(adapter)?);
        let kept = files::read(&path).unwrap_or_default();
        // SAFETY: the bytes are what `get_data` gave for an adapter of this key, or were damaged since; wgpu checks its
        // header with the adapter, the driver its own, and either begins anew where they do not fit.
        let cache = unsafe {
            device.create_pipeline_cache(&wgpu::PipelineCacheDescriptor {
                label: Some("pipelines"),
                data: (!kept.is_empty()).then_some(&kept[..]),
                fallback: true,
            })
        };
        Some(Self { cache, path, kept: Mutex::new(kept) })
    }

    pub fn cache(&self) -> &wgpu::PipelineCache {
        &self.cache
    }

    /// Writes the pipelines compiled since; a disk that is full or read-only costs the next start its time, no more.
    pub fn save(&self) {
        let Some(data) = self.cache.get_data() else { return };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if *kept == data {
            return;
        }
        let write = || -> std::io::Result<()> {
            if let Some(folder) = self.path.parent() {
                files::create_dir_all(folder)?;
            }
            files::write_whole(&self.path, |file| std::io::Write::write_all(file, &data))
        };
        if write().is_ok() {
            *kept = data;
        }
    }
}
