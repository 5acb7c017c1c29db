//! A new user namespace inside a joined one, with its maps written. Who may write them has to be in the joined one, and an
//! ordinary user may open their files in /proc only for a process that is dumpable: one that whoever has CAP_SYS_PTRACE in
//! there can trace (man 2 ptrace). The command's own process is to be that at no time before execve (CVE-2016-9962). So
//! another one, the holder, is made in the new namespace, gives away all that it has, and is looked at; then the joiner
//! enters the namespace itself, and makes the command's own process in there.
const std = @import("std");
const builtin = @import("builtin");
const linux = std.os.linux;
const child = @import("child.zig");
const descriptors = @import("descriptors.zig");
const id_maps = @import("id_maps.zig");
const launch = @import("launch.zig");
const messages = @import("messages.zig");
const Plan = @import("plan.zig").Plan;
const report = @import("report.zig");
const sys = @import("sys.zig");
const Text = @import("text.zig").Text;

const SIGCHLD = @intFromEnum(linux.SIG.CHLD);

/// Makes the plan's user namespace, writes its maps through `proc`, which is /proc, and enters it.
pub fn enterMapped(plan: *const Plan, proc: sys.fd_t) void {
    const ready = makePipe(plan);
    const result = sys.cloneLikeFork(plan.host.has_clone3, linux.CLONE.NEWUSER | linux.CLONE.NEWNS, SIGCHLD);
    const errno = sys.errnoOf(result);
    if (errno != 0) child.diagnose(plan, linux.CLONE.NEWUSER | linux.CLONE.NEWNS, errno);
    const pid: sys.pid_t = @intCast(result);
    if (pid == 0) hold(plan, proc, ready[1]);
    sys.close(ready[1]);
    var byte: [1]u8 = undefined;
    const is_ready = linux.read(ready[0], &byte, 1) == 1;
    sys.close(ready[0]);
    const failure: ?report.Failure = if (is_ready)
        id_maps.write(plan, proc, pid) orelse enter(proc, pid)
    else
        .{ .stage = .unknown_error };
    const has_died = !is_ready or sys.hasEnded(pid);
    _ = linux.kill(pid, .KILL);
    var status: u32 = 0;
    _ = linux.wait4(pid, &status, 0, null);
    const what = failure orelse return;
    if (!has_died) child.fail(plan.report, what);
    // What there was to write is gone with it. By itself, it ends when it has told why.
    const signal: u8 = @truncate(status & 0x7f);
    if (signal == 0) linux.exit_group(1);
    child.fail(plan.report, .{ .stage = .unknown_error, .signal = signal });
}

/// The holder has nothing that is worth being traced for: no file, no descriptor, nothing of other commands in its memory, and no
/// system call but these, which reach nothing outside of it.
fn hold(plan: *const Plan, proc: sys.fd_t, ready: sys.fd_t) noreturn {
    child.beginUnorphaned(plan.report);
    var kept = [_]sys.fd_t{ plan.report, proc, ready };
    descriptors.sort(&kept);
    // Whoever is root in a mount namespace that was joined can put another list into /proc there.
    descriptors.closeAllButBy(proc, "self/fd", &kept);
    sys.close(proc);
    leaveFiles(plan);
    for (0..3) |standard| _ = linux.close(@intCast(standard));
    // The plan is gone with the rest.
    const report_fd = plan.report;
    launch.forgetAll();
    const result = linux.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, @intFromPtr(&Program{}), 0, 0);
    _ = child.check(report_fd, result, .{ .stage = .set_id_map, .call = .prctl });
    sys.close(report_fd);
    _ = sys.prctl(sys.PR_SET_DUMPABLE, 1);
    if (linux.write(ready, "r", 1) != 1) linux.exit_group(1);
    sys.close(ready);
    const all: sys.SignalMask = ~@as(sys.SignalMask, 0);
    while (true) _ = linux.syscall2(.rt_sigsuspend, @intFromPtr(&all), @sizeOf(sys.SignalMask));
}

/// An empty file system is all that there is in its mount namespace. Another root alone would not do: whoever follows
/// /proc/<pid>/root leaves it by `..`, and whoever enters the namespace can undo what is mounted over it.
fn leaveFiles(plan: *const Plan) void {
    _ = check(plan, .mount, linux.mount("tmpfs", "/", "tmpfs", 0, 0));
    // What was mounted over the root, which "/" itself is below.
    _ = check(plan, .chdir, linux.chdir("/.."));
    // The old root is on top of the new one then (man 2 pivot_root).
    _ = check(plan, .pivot_root, linux.syscall2(.pivot_root, @intFromPtr("."), @intFromPtr(".")));
    _ = check(plan, .umount2, linux.umount2(".", sys.MNT_DETACH));
}

noinline fn check(plan: *const Plan, call: report.Call, result: usize) usize {
    return child.check(plan.report, result, .{ .stage = .set_id_map, .call = call });
}

fn enter(proc: sys.fd_t, pid: sys.pid_t) ?report.Failure {
    var buffer: [32]u8 = undefined;
    var path: Text = .{ .buffer = &buffer };
    path.addNumber(@intCast(pid));
    path.add("/ns/user");
    const opened = linux.openat(proc, path.end(), .{ .CLOEXEC = true }, 0);
    if (sys.errnoOf(opened) != 0) return failed(.open, opened);
    const fd = sys.asFd(opened);
    defer sys.close(fd);
    const result = linux.setns(fd, linux.CLONE.NEWUSER);
    return if (sys.errnoOf(result) != 0) failed(.setns, result) else null;
}

fn failed(call: report.Call, result: usize) report.Failure {
    return .{
        .stage = .set_ns,
        .call = call,
        .errno = sys.errnoOf(result),
        .item = .join,
        .index = @intFromEnum(messages.Namespace.user),
    };
}

fn makePipe(plan: *const Plan) [2]sys.fd_t {
    var ends: [2]sys.fd_t = undefined;
    const result = linux.pipe2(&ends, .{ .CLOEXEC = true });
    _ = child.check(plan.report, result, .{ .stage = .create_pipe, .call = .pipe2 });
    return ends;
}

const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2;

/// `struct sock_filter`: an instruction of the filter.
const Instruction = extern struct {
    code: u16,
    if_true: u8 = 0,
    if_false: u8 = 0,
    value: u32,

    /// BPF_LD | BPF_W | BPF_ABS: a field of `struct seccomp_data`.
    fn load(offset: u32) Instruction {
        return .{ .code = 0x20, .value = offset };
    }

    /// BPF_JMP | BPF_JEQ | BPF_K: how many instructions to pass over.
    fn compare(value: u32, if_true: u8, if_false: u8) Instruction {
        return .{ .code = 0x15, .if_true = if_true, .if_false = if_false, .value = value };
    }

    /// BPF_RET | BPF_K.
    fn end(action: u32) Instruction {
        return .{ .code = 0x06, .value = action };
    }
};

/// `struct sock_fprog`.
const Program = extern struct {
    length: u16 = filter.len,
    instructions: [*]const Instruction = &filter,
};

const allowed = [_]linux.SYS{ .close, .prctl, .write, .rt_sigsuspend, .exit_group };

/// Another architecture's calls have other numbers (man 2 seccomp).
const filter = start ++ comparisons ++ [_]Instruction{ .end(linux.SECCOMP.RET.KILL_THREAD), .end(linux.SECCOMP.RET.ALLOW) };

const start = [_]Instruction{
    .load(@offsetOf(linux.SECCOMP.data, "arch")),
    .compare(audit_architecture, 0, allowed.len + 1),
    .load(@offsetOf(linux.SECCOMP.data, "nr")),
};

/// AUDIT_ARCH_… of this helper; std.os.linux.AUDIT.ARCH does not compile in Zig 0.16.
const audit_architecture = audit_architecture: {
    const is_64_bit: u32 = if (@sizeOf(usize) == 8) 0x8000_0000 else 0;
    const little_endian: u32 = if (builtin.cpu.arch.endian() == .little) 0x4000_0000 else 0;
    break :audit_architecture @intFromEnum(builtin.target.toElfMachine()) | is_64_bit | little_endian;
};

const comparisons = comparisons: {
    var list: [allowed.len]Instruction = undefined;
    for (&list, allowed, 0..) |*instruction, call, index| {
        instruction.* = .compare(@intFromEnum(call), allowed.len - index, 0);
    }
    break :comparisons list;
};
