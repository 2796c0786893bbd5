# Where this machine keeps control groups; sourced by the other scripts.
# shellcheck shell=bash disable=SC2034

# The parent of every pod's control group: our own, so that `down` can remove
# it whole.
cgroup_parent=kube-vitals-node

# v2 has one tree, v1 one per controller.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    cgroup_trees=(/sys/fs/cgroup)
else
    cgroup_trees=()
    for tree in /sys/fs/cgroup/*/; do
        [ ! -e "$tree/cgroup.procs" ] || cgroup_trees+=("${tree%/}")
    done
fi
