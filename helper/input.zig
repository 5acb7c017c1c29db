//! The input of a synchronous call. The client has it in a file, since it cannot feed a pipe while it waits. A program with the
//! same user id could write to any file of that user's: through /proc/self/fd, whatever its mode, which it may change as well.
//! So the program is given a copy in memory that the kernel lets nobody write to, with room for nothing more.
const std = @import("std");
const plans = @import("plan.zig");
const report = @import("report.zig");
const sys = @import("sys.zig");
const linux = sys.linux;

const seals = 0xf; // F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE
const chunk_size = 1 << 20;

/// Puts a sealed copy in the place of the client's file at 0.
pub fn seal(plan: *plans.Plan) ?report.Failure {
    for (plan.descriptors_buffer[0..plan.descriptors_count]) |*descriptor| {
        if (descriptor.number != 0 or descriptor.source != .helper) continue;
        const created = createMemory();
        if (sys.errnoOf(created) != 0) return failed(.memfd_create, created);
        const copy = sys.asFd(created);
        const file = descriptor.fd;
        // The helper closes it with the others.
        descriptor.fd = copy;
        defer sys.close(file);
        return fill(copy, file);
    }
    return null;
}

fn createMemory() usize {
    const name = "unshare-input";
    const flags: u32 = linux.MFD.CLOEXEC | linux.MFD.ALLOW_SEALING;
    // MFD_NOEXEC_SEAL: without it, Linux 6.3 and later complain or refuse; earlier ones do not know it.
    const result = linux.memfd_create(name, flags | 8);
    return if (sys.isError(result, .INVAL)) linux.memfd_create(name, flags) else result;
}

fn fill(copy: sys.fd_t, file: sys.fd_t) ?report.Failure {
    var at: i64 = 0;
    while (true) {
        const count = linux.sendfile(copy, file, null, chunk_size);
        if (sys.isError(count, .INTR)) continue;
        if (sys.errnoOf(count) != 0) return failed(.sendfile, count);
        if (count == 0) break;
        // Where the file system can do it, nothing takes up room twice. FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, man 2 fallocate.
        _ = linux.fallocate(file, 3, at, @intCast(count));
        at += @intCast(count);
    }
    // `linux.lseek` of Zig 0.16 does not compile for 32 bits.
    _ = linux.syscall3(.lseek, @intCast(copy), 0, 0);
    const sealed = sys.fcntl(copy, sys.F_ADD_SEALS, seals);
    return if (sys.errnoOf(sealed) != 0) failed(.fcntl, sealed) else null;
}

fn failed(call: report.Call, result: usize) report.Failure {
    return .{ .stage = .stdio_error, .call = call, .item = .descriptor, .errno = sys.errnoOf(result) };
}
