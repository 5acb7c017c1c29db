const std = @import("std");
const HashesFile = @import("scripts/hashes.zig").HashesFile;

/// Where the helper runs: the names that Node gives the architectures, and Zig's.
const Target = struct { name: []const u8, query: std.Target.Query, emulator: []const u8 };

const targets = [_]Target{
    .{ .name = "x64", .query = .{ .cpu_arch = .x86_64, .os_tag = .linux, .abi = .none }, .emulator = "qemu-x86_64-static" },
    .{ .name = "arm64", .query = .{ .cpu_arch = .aarch64, .os_tag = .linux, .abi = .none }, .emulator = "qemu-aarch64-static" },
    .{ .name = "arm", .query = .{ .cpu_arch = .arm, .os_tag = .linux, .abi = .eabi }, .emulator = "qemu-arm-static" },
    .{ .name = "riscv64", .query = .{ .cpu_arch = .riscv64, .os_tag = .linux, .abi = .none }, .emulator = "qemu-riscv64-static" },
};

/// Small static programs that the tests and the benchmark start.
const fixtures = [_][]const u8{ "copy", "exit", "flood", "floor", "state" };

pub fn build(b: *std.Build) void {
    const options = b.addOptions();
    options.addOption([:0]const u8, "version", packageVersion(b));

    const all = b.option(bool, "all", "Build the helper for every architecture, not for this machine's alone") orelse false;
    const hashes = HashesFile.create(b);
    b.getInstallStep().dependOn(&hashes.step);
    for (targets) |target| {
        if (!all and target.query.cpu_arch != b.graph.host.result.cpu.arch) continue;
        const helper = smallExecutable(b, "unshare-helper", "helper/main.zig", target.query);
        helper.root_module.addOptions("options", options);
        install(b, helper, b.fmt("dist/helper/{s}/unshare-helper", .{target.name}));
        hashes.add(target.name, helper.getEmittedBin());
    }

    const syscalls = @import("scripts/syscalls.zig").module(b.allocator) catch @panic("out of memory");
    const generated = b.addUpdateSourceFiles();
    generated.addBytesToSource(syscalls, "dist/client/syscalls.js");
    b.getInstallStep().dependOn(&generated.step);

    const native: std.Target.Query = .{ .abi = .none };
    for (fixtures) |name| {
        const fixture = smallExecutable(b, name, b.fmt("test/fixtures/{s}.zig", .{name}), native);
        install(b, fixture, b.fmt("dist/test/fixtures/{s}", .{name}));
    }

    b.step("test", "Run the helper's unit tests").dependOn(&unitTests(b, options, b.graph.host, null).step);
    const emulated = b.step("test-emulated", "Run them for the other architectures too, by the programs of qemu-user-static");
    for (targets) |target| {
        if (target.query.cpu_arch == b.graph.host.result.cpu.arch) continue;
        const run = unitTests(b, options, b.resolveTargetQuery(target.query), target.emulator);
        emulated.dependOn(&run.step);
    }
}

fn unitTests(b: *std.Build, options: *std.Build.Step.Options, target: std.Build.ResolvedTarget, emulator: ?[]const u8) *std.Build.Step.Run {
    const tests = b.addTest(.{ .root_module = b.createModule(.{
        .root_source_file = b.path("helper/tests.zig"),
        .target = target,
    }) });
    tests.root_module.addOptions("options", options);
    tests.root_module.addAnonymousImport("unshare.proto", .{ .root_source_file = b.path("proto/unshare.proto") });
    if (emulator) |program| tests.setExecCmd(&.{ program, null });
    return b.addRunArtifact(tests);
}

/// Static, without libc, and without what only helps a debugger.
fn smallExecutable(b: *std.Build, name: []const u8, root: []const u8, query: std.Target.Query) *std.Build.Step.Compile {
    const executable = b.addExecutable(.{
        .name = name,
        .linkage = .static,
        .root_module = b.createModule(.{
            .root_source_file = b.path(root),
            .target = b.resolveTargetQuery(query),
            .optimize = .ReleaseSafe,
            .single_threaded = true,
            .strip = true,
            .unwind_tables = .none,
            .error_tracing = false,
            .omit_frame_pointer = true,
        }),
    });
    executable.link_gc_sections = true;
    executable.build_id = .none;
    // Zig's start code raises the soft stack limit to this, and children would inherit it.
    executable.stack_size = 256 * 1024;
    return executable;
}

/// Into the source tree's dist/, beside what the TypeScript compiler puts there.
fn install(b: *std.Build, executable: *std.Build.Step.Compile, path: []const u8) void {
    const copy = b.addUpdateSourceFiles();
    copy.addCopyFileToSource(executable.getEmittedBin(), path);
    b.getInstallStep().dependOn(&copy.step);
}

fn packageVersion(b: *std.Build) [:0]const u8 {
    const Package = struct { version: []const u8 };
    // Not embedded: a build directory that was copied with its cache would keep the version that it had where it came from.
    const text = b.build_root.handle.readFileAlloc(b.graph.io, "package.json", b.allocator, .limited(64 * 1024)) catch
        @panic("there is no package.json");
    const package = std.json.parseFromSliceLeaky(Package, b.allocator, text, .{ .ignore_unknown_fields = true }) catch
        @panic("package.json has no version");
    return b.allocator.dupeZ(u8, package.version) catch @panic("out of memory");
}
