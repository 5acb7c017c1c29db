//! Every file of the helper, so that its tests are found.
test {
    _ = @import("answers.zig");
    _ = @import("capabilities.zig");
    _ = @import("child.zig");
    _ = @import("commands.zig");
    _ = @import("connection.zig");
    _ = @import("credentials.zig");
    _ = @import("text.zig");
    _ = @import("descriptors.zig");
    _ = @import("host.zig");
    _ = @import("id_maps.zig");
    _ = @import("joiner.zig");
    _ = @import("keyrings.zig");
    _ = @import("launch.zig");
    _ = @import("limits.zig");
    _ = @import("loop.zig");
    _ = @import("map_runner.zig");
    _ = @import("messages.zig");
    _ = @import("namespaces.zig");
    _ = @import("once.zig");
    _ = @import("options.zig");
    _ = @import("plan.zig");
    _ = @import("progress.zig");
    _ = @import("reaper.zig");
    _ = @import("report.zig");
    _ = @import("requests.zig");
    _ = @import("roots.zig");
    _ = @import("seal.zig");
    _ = @import("sessions.zig");
    _ = @import("signals.zig");
    _ = @import("starter.zig");
    _ = @import("steps.zig");
    _ = @import("sys.zig");
    _ = @import("syscall_numbers.zig");
    _ = @import("terminal.zig");
    _ = @import("wire.zig");
}
