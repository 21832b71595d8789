# The desk: the whole of Many Hands in one unprivileged Linux container, for machines that are not Linux (macOS) and
# for those where an ordinary user may not make namespaces. `./manyhands` sources this and brings root, say and fail.
#
# Written for what macOS has: bash 3.2 and BSD tools, no Python, no timeout, no flock.
#
# What the container may do, and why:
#   - it runs as the caller, never as root, without any capability, and cannot gain one (no-new-privileges);
#   - seccomp.json is Docker's own list plus what bubblewrap needs to make namespaces as an ordinary user;
#   - systempaths=unconfined uncovers /proc, or the kernel refuses a fresh /proc inside a sandbox. What it uncovers,
#     such as /proc/sys, may be written by root only: the second reason for never being root;
#   - apparmor=unconfined, because Docker's AppArmor profile, where there is one, forbids every mount;
#   - the clone is read-only, as is the system; only the work folder and the virtual environment's volume are not;
#   - ports are published on 127.0.0.1 of this machine only.

desk() { # the words of the command line
  local uid gid name home by container image options=() ports=() lent=$'\n'
  desk_find_docker
  desk_become_user
  desk_end_orphans
  case ${1:-} in
    down) [[ $# -gt 1 ]] || { desk_down; return; } ;;
    up) desk_find_running "$@" ;;
  esac
  say "$why_desk: this runs in a Docker container (Linux); your work is in $home"
  desk_build
  desk_equip "$@"
  desk_watch
  exec docker run "${options[@]}" "$image" "$root/manyhands" "$@" ${ports[@]+"${ports[@]}"}
}

desk_find_docker() {
  local next="install Docker Desktop, OrbStack or Colima, start it, then run this again" answer
  [[ $OSTYPE == linux* ]] && next="install Docker Engine (Debian, Ubuntu: sudo apt-get install docker.io), then run this again"
  command -v docker >/dev/null ||
    fail "there is no Docker here" "$why_desk: Many Hands runs in a Docker container, and the command docker is missing" "$next"
  answer=$(docker version --format '{{.Server.Os}}' 2>&1) ||
    fail "Docker does not answer" "$(tail -n 1 <<<"$answer")" \
      "start Docker (and see that \`docker ps\` works for you), then run this again"
  [[ $answer == *linux ]] ||
    fail "this Docker runs no Linux containers" "it says that it runs ${answer##*$'\n'} ones" "switch it to Linux containers"
}

# Sets uid, gid, name and home: who runs in the container, and where that user's work is on this machine.
desk_become_user() {
  local owner
  uid=$(id -u) gid=$(id -g) home=${MANYHANDS_HOME:-$root/work}
  name=$(id -un 2>/dev/null) || name=learner # a number without a name
  [[ $home == /* ]] || home=$PWD/$home
  if ((uid == 0)); then # root does not go in: what root makes is handed to an ordinary user
    uid=1000 gid=1000 name=learner
    if [[ -d $home ]]; then
      owner=$(ls -ldn -- "$home" | awk '{ print $3 ":" $4 }')
      if [[ $owner == 0:* ]]; then home=$home/desk; else uid=${owner%:*} gid=${owner#*:}; fi
    fi
    [[ -d $home ]] || { mkdir -p -- "$home" && chown "$uid:$gid" "$home"; }
  fi
  mkdir -p -- "$home" 2>/dev/null ||
    fail "cannot write the folder for your work" "$home cannot be made" "choose another: MANYHANDS_HOME=DIR ./manyhands …"
  home=$(cd -P -- "$home" && pwd)
  by=$(uname -n):$(id -u)
}

# End the containers whose client on this machine was killed together with the watch over it: a client names its container.
# An image that is being built has containers with that label, too, but not with such a name.
desk_end_orphans() {
  local one running
  for one in $(docker ps --all --filter "label=manyhands.desk.by=$by" --filter "name=^manyhands-desk-" --format '{{.Names}}'); do
    running=$(ps -axww -o command=)
    [[ $running == *"$one"* ]] || docker rm --force "$one" >/dev/null 2>&1 || true
  done
}

desk_up_container() {
  docker ps --quiet --filter "label=manyhands.desk.by=$by" --filter "label=manyhands.desk.up=$home"
}

# A second `up` asks the first, which knows its addresses.
desk_find_running() {
  local running
  running=$(desk_up_container)
  [[ -z $running ]] || exec docker exec "$running" "$root/manyhands" "$@"
}

# Only from outside: whoever ends the container from inside ends with it.
desk_down() {
  local running
  running=$(desk_up_container)
  if [[ -z $running ]]; then
    echo "nothing is running"
    return
  fi
  docker stop --time 40 "$running" >/dev/null
  while docker inspect "$running" >/dev/null 2>&1; do sleep 0.1; done # it removes itself
  echo "stopped"
}

desk_build() {
  local recipe log base context variable arguments=()
  image=manyhands/desk:$uid
  recipe=$({ cat -- "$root/docker/desk/Dockerfile"; echo "$uid:$gid:$name"; } | cksum | tr ' ' -)
  [[ $(docker image inspect --format '{{index .Config.Labels "manyhands.desk.recipe"}}' "$image" 2>/dev/null) == "$recipe" ]] &&
    return
  base=$(desk_base)
  say "building the container's image (once, a minute)…"
  context=$(mktemp -d)
  log=$context/log
  cp -- "$root/docker/desk/Dockerfile" "$context/Dockerfile"
  cat -- "$(desk_authorities)" >"$context/authorities.pem"
  for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [[ -z ${!variable:-} ]] || arguments+=(--build-arg "$variable")
  done
  docker build --tag "$image" --label "manyhands.desk.recipe=$recipe" --label "manyhands.desk.by=$by" \
    --build-arg "BASE=$base" --build-arg "DESK_BY=$by" --build-arg "DESK_UID=$uid" --build-arg "DESK_GID=$gid" \
    --build-arg "DESK_NAME=$name" ${arguments[@]+"${arguments[@]}"} "$context" >"$log" 2>&1 || {
    tail -n 8 -- "$log" | sed 's/^/  │ /' >&2
    rm -rf -- "$context"
    fail "the container's image could not be built" "the last lines are above" \
      "it fetches Debian packages: mend the network (or http_proxy), and run this again"
  }
  rm -rf -- "$context"
  docker image prune --force --filter "label=manyhands.desk.by=$by" >/dev/null # what this one replaces
}

# A Debian to start from: what is here, else the registry's, else (as root) one made from Debian packages.
desk_base() {
  local candidate
  for candidate in debian:bookworm-slim manyhands/base:bookworm-tools; do
    docker image inspect "$candidate" >/dev/null 2>&1 && echo "$candidate" && return
  done
  say "asking the registry for Debian…"
  docker pull --quiet debian:bookworm-slim 2>/dev/null && return
  if ((EUID == 0)) && command -v mmdebstrap >/dev/null; then
    say "no answer: making it from Debian packages (half a minute)…"
    "$root/docker/node/make-base" >/dev/null && echo manyhands/base:bookworm-tools && return
  fi
  fail "there is no Debian image to start from" "no registry answers" \
    "mend Docker's network, or on Debian and Ubuntu run once: sudo \"$root/docker/node/make-base\""
}

# The file with the authorities this machine trusts. Where a company inspects TLS, its own are among them; macOS keeps
# those in its keychain, so there it is the user who names a file.
desk_authorities() {
  local file system=()
  [[ $OSTYPE != linux* ]] || system=(/etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt)
  for file in "${SSL_CERT_FILE:-}" "${PIP_CERT:-}" ${system[@]+"${system[@]}"} /dev/null; do
    [[ -z $file || ! -r $file ]] || break
  done
  echo "$file"
}

# Sets options, container and ports: how the container is run.
desk_equip() {
  local variable word authorities volume
  container=manyhands-desk-$$-$RANDOM$RANDOM
  volume=manyhands-desk-$uid-$(cksum <<<"$root" | cut -d ' ' -f 1)
  docker volume create --label "manyhands.desk.by=$by" --label "manyhands.desk.clone=$root" "$volume" >/dev/null ||
    exit 2 # docker has said why
  options=(--rm --init --name "$container" --hostname many-hands --label "manyhands.desk.by=$by" --user "$uid:$gid"
    --cap-drop ALL --security-opt no-new-privileges --security-opt "seccomp=$root/docker/desk/seccomp.json"
    --security-opt systempaths=unconfined --security-opt apparmor=unconfined --memory 4g --pids-limit 4096
    --read-only --tmpfs /tmp:exec,mode=1777 --mount "type=volume,source=$volume,target=/desk" --workdir "$(pwd -P)")
  desk_mount "$root" ,readonly
  desk_mount "$home" ""
  options+=(--env "MANYHANDS_HOME=$home")
  authorities=$(desk_authorities)
  if [[ -s $authorities ]]; then
    options+=(--mount "type=bind,\"source=$authorities\",target=/etc/manyhands-authorities.pem,readonly")
    for variable in SSL_CERT_FILE PIP_CERT; do options+=(--env "$variable=/etc/manyhands-authorities.pem"); done
  fi
  for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY PIP_INDEX_URL PIP_DEFAULT_TIMEOUT TERM NO_COLOR; do
    [[ -z ${!variable:-} ]] || options+=(--env "$variable")
  done
  if [[ -t 0 && -t 1 && -t 2 ]]; then options+=(--interactive --tty); fi
  if [[ ${1:-} == up ]]; then
    options+=(--label "manyhands.desk.up=$home")
    desk_publish --port-site 8000 "$@"
    desk_publish --port-lab 8888 "$@"
  else
    for word in . "$@"; do desk_lend "$word"; done
    [[ -t 0 || " $* " != *" - "* ]] || options+=(--interactive) # it reads standard input
  fi
}

desk_mount() { # a folder or file, which is the same inside, and what else docker is told of it
  lent+=$1$'\n'
  options+=(--mount "type=bind,\"source=$1\",\"target=$1\"$2")
}

# What a word of the command line names is shown to the container, to be read: files with the folder around them, since
# a config names others. Folders of the system are never covered: of those, only the file.
desk_lend() {
  local path=$1 folder
  [[ -e $path ]] || path=${path#*=}
  [[ -e $path ]] || return 0
  if [[ -d $path ]]; then
    folder=$(cd -P -- "$path" && pwd)
    path=
  else
    folder=$(cd -P -- "$(dirname -- "$path")" && pwd)
    path=${folder%/}/$(basename -- "$path")
  fi
  case $folder/ in
    "$root"/* | "$home"/* | /bin/* | /desk/* | /dev/* | /lib*/* | /proc/* | /sbin/* | /sys/* | /usr/*) return ;;
    /*/*/*) path=$folder ;;
  esac
  [[ -z $path || $lent == *$'\n'"$path"$'\n'* ]] || desk_mount "$path" ,readonly
}

# One port of `up`: the asked one, or the usual one, or the next that nobody answers on; the same inside and outside.
desk_publish() { # option, usual port, the words
  local option=$1 port=$2 asked='' word before=''
  shift 2
  for word in "$@"; do
    [[ $before != "$option" ]] || asked=$word
    [[ $word != "$option="* ]] || asked=${word#*=}
    before=$word
  done
  if [[ -n $asked ]]; then
    [[ $asked =~ ^[0-9]+$ ]] || return 0 # the command line says what is wrong with it
    desk_is_free "$asked" ||
      fail "port $asked is taken" "something answers on 127.0.0.1:$asked" \
        "choose another port: $option N (without $option, a free one is found)"
    port=$asked
  else
    while ! desk_is_free "$port"; do port=$((port + 1)); done
    ports+=("$option" "$port")
  fi
  options+=(--publish "127.0.0.1:$port:$port")
}

desk_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# However the docker client ends, even by kill -9 or with its terminal, the container ends with it: the client holds the
# other end of this pipe, and holds nothing else of the watch.
desk_watch() {
  exec 9> >(
    exec >/dev/null 2>&1
    trap '' HUP INT TERM
    cat
    docker stop --time 20 "$container"
    docker rm --force "$container"
  )
}
