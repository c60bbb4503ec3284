//! Errors that a driver reports apart from the calls that cause them.

/// Runs `work` and catches the errors that the driver reports of it.
///
/// # Errors
/// The driver's own words, in one line.
pub fn catch_errors<T>(device: &wgpu::Device, work: impl FnOnce() -> T) -> Result<T, String> {
    // A driver that cannot compile tells it as an internal error.
    let scopes = [wgpu::ErrorFilter::Validation, wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::OutOfMemory]
        .map(|filter| device.push_error_scope(filter));
    let value = work();
    // Scopes end in the reverse order of their beginning; each must end.
    let errors: Vec<_> = scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop())).collect();
    match errors.first() {
        None => Ok(value),
        Some(error) => Err(error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")),
    }
}
