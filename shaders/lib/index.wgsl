// One-dimensional work is folded over x and y, because a dimension holds at most 65,535 workgroups.
fn linear_workgroup(workgroup_id: vec3<u32>, num_workgroups: vec3<u32>) -> u32 {
    return workgroup_id.x + workgroup_id.y * num_workgroups.x;
}
