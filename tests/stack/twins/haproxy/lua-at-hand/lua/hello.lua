core.register_action("mark", { "http-req" }, function(txn)
  txn.http:req_set_header("X-Seen-By", "lua")
end)
