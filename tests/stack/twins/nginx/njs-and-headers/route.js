function shard(r) { return Number(r.remoteAddress.split('.')[2]) % 2; }
export default { shard };
