# Where this machine keeps control groups; sourced by the other scripts.
# shellcheck shell=bash disable=SC2034

# The parent of every pod's control group: our own, so that `down` can remove
# it whole.
cgroup_parent=kube-vitals-node

# v2 has one tree. v1 has one per controller, and CPU and memory are read from
# two of them.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    cgroup_trees=(/sys/fs/cgroup)
    cpu_tree=/sys/fs/cgroup cpu_file=cpu.stat memory_tree=/sys/fs/cgroup
else
    cgroup_trees=()
    for tree in /sys/fs/cgroup/*/; do
        [ ! -e "$tree/cgroup.procs" ] || cgroup_trees+=("${tree%/}")
    done
    cpu_tree=/sys/fs/cgroup/cpuacct cpu_file=cpuacct.usage memory_tree=/sys/fs/cgroup/memory
fi
