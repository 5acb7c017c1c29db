//! The helper: started by the client with the control socket at descriptor 3, it starts programs until that socket ends.
//!
//! It stays below 96 KiB (a test checks this): a small function that is used in many places, and whose call costs nothing
//! beside the system calls around it, is `noinline`.
const std = @import("std");
const linux = std.os.linux;
const commands = @import("commands.zig");
const connection = @import("connection.zig");
const descriptors = @import("descriptors.zig");
const Host = @import("host.zig").Host;
const limits = @import("limits.zig");
const loop = @import("loop.zig");
const messages = @import("messages.zig");
const once = @import("once.zig");
const options = @import("options.zig");
const plans = @import("plan.zig");
const seal = @import("seal.zig");
const standard = @import("standard.zig");
const sys = @import("sys.zig");
const terminal = @import("terminal.zig");

/// What std would bring in for its own messages, signals and stack traces is larger than the helper.
pub const std_options: std.Options = .{
    .enable_segfault_handler = false,
    .signal_stack_size = null,
    .allow_stack_tracing = false,
};
pub const std_options_debug_threaded_io: ?*std.Io.Threaded = null;
pub const std_options_debug_io: std.Io = @compileError("the helper prints nothing through std");
pub const panic = @import("panic.zig");

const die = panic.die;

pub fn main(init: std.process.Init.Minimal) u8 {
    if (linux.getauxval(std.elf.AT_SECURE) != 0) die("refuses to run with more privileges than its caller", 77);
    standard.ensure();
    const arguments: [*:null]const ?[*:0]const u8 = @ptrCast(init.args.vector.ptr);
    const told = options.Options.parse(arguments) orelse die("has an option that it does not know", 64);
    standard.take(told.moved, options.first_kept + (told.kept orelse 0));
    standard.restore(told.nonblocking);
    if (told.once == null and !isSocket(connection.control_fd)) {
        die("descriptor 3 is no stream socket; the npm package `unshare` starts this program", 64);
    }
    const unsealed_reason = seal.ensure(arguments, init.environ.block.slice.ptr);
    // After execveat from a descriptor, the name would be the descriptor's number.
    _ = linux.prctl(@intFromEnum(linux.PR.SET_NAME), @intFromPtr("unshare-helper"), 0, 0, 0);
    // What the client's parents left open is not for children, and neither is the control socket.
    keepDescriptors(told.kept orelse 0);
    standard.is_for_one = told.kept != null and told.once == null;
    if (told.once) |client| once.prepare(client) else awakenAtEnd();
    commands.prepare();
    const host: Host = .prepare(told.once != null);
    terminal.client_group = host.group;
    connection.send("hello", &.{
        .protocol = messages.protocol_version,
        .version = @import("options").version,
        .pid = @intCast(linux.getpid()),
        .sealed = unsealed_reason.len == 0,
        .unsealed_reason = unsealed_reason,
        .control_inode = if (sys.identify(connection.control_fd)) |identity| identity.inode else 0,
    });
    return loop.run(&host);
}

/// Whoever may signal this process can stop it; and what is stopped does not see that its client has ended. One that runs
/// takes no notice of SIGCONT: so it does no harm that the kernel sends it at the end of the thread that started the helper.
fn awakenAtEnd() void {
    _ = sys.prctl(sys.PR_SET_PDEATHSIG, @intFromEnum(linux.SIG.CONT));
}

/// The control socket, and what the client has put behind it for a command.
fn keepDescriptors(kept: u6) void {
    var numbers: [1 + limits.kept_descriptors_max]sys.fd_t = undefined;
    numbers[0] = connection.control_fd;
    for (numbers[1..][0..kept], 0..) |*number, index| number.* = options.first_kept + @as(sys.fd_t, @intCast(index));
    descriptors.closeAllBut(numbers[0 .. @as(usize, 1) + kept]);
    for (numbers[0 .. @as(usize, 1) + kept]) |number| _ = sys.fcntl(number, sys.F_SETFD, sys.FD_CLOEXEC);
    plans.kept_descriptors = (@as(plans.KeptSet, 1) << kept) - 1;
}

fn isSocket(fd: sys.fd_t) bool {
    var kind: u32 = 0;
    var size: linux.socklen_t = @sizeOf(u32);
    const result = linux.getsockopt(fd, linux.SOL.SOCKET, linux.SO.TYPE, @ptrCast(&kind), &size);
    return sys.errnoOf(result) == 0 and kind == linux.SOCK.STREAM;
}
