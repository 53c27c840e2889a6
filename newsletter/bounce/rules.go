package bounce

// rule is phrases of one meaning, as normalized writes them; a * matches a few
// words, a space at either end for the end of a word.
type rule struct {
	class   Class
	phrases []string
}

// definite words outweigh any number. The first rule that holds counts, so the order
// matters: replies that refuse a network may also say "user unknown", and those of a
// full mailbox, or of one that is not there today, also say "unavailable".
var definite = []rule{
	{Blocked, sending},
	// Full, for now or for long.
	{Soft, []string{
		"quota", "mailbox was full", "mailbox * is full", "mailbox * full", "box is full", "box full",
		"mailfolder is full", "account is full", "storage limit", "storage space", "storage * exceeded",
		"not enough space", "not enough storage", "insufficient storage", "insufficient system", "insufficient disk",
		"out of storage", "no space", "disk full", "disk space", "exceeded storage", "exceeded * limit", "exceeds * limit",
		"exceeds the maximum", "too much mail data", "size limit", "mailbox size", "mailbox has exceeded",
		"mailbox exceeds", "over the maximum", "maximum number of messages", "too many messages", "storage used",
		"postfach * voll", "speichervolumen", "zu viele mails", "zuviele mails", "空间不足", "已满", "speicherplatz", "speicherkontingent", "boîte * pleine", "boite * pleine",
		"boîte aux lettres pleine", "espace de stockage", "buzón * lleno", "buzon * lleno", " lleno ", "buzón lleno",
		"buzon lleno", "almacenamiento", "casella * piena", "mailbox vol", "przepełnion", "переполнен", "いっぱい", "容量", "満杯",
	}},
	// Too big.
	{Soft, []string{
		"too large", "too big", "size exceed", "message size", "exceeds size", "message length exceeds", "maximum size",
		"maximum message", "larger than", "oversize", "maximum permitted size", "zu groß", "слишком больш", "zu gross", "trop volumineux",
		"trop gros", "demasiado grande", "サイズ",
	}},
	// Not now: greylisting, and what passes by itself.
	{Soft, []string{
		"greylist", "graylist", "grey list", "gray list", "again later", "found try again", "try again in", "try later", "temporar", "receiving mail at a rate",
		"receiving mail too quickly", "not now", "come back later", "please retry", "maintenance",
		"malformed or unexpected name server reply", "vorübergehend", "voruebergehend", "später", "temporaire",
		"plus tard", "ultérieurement", "más tarde", "mas tarde", "временно", "позже", "一時的", "しばらく",
	}},
	{Hard, dead},
	{Hard, former},
	// No such domain, or one that receives no email.
	{Hard, []string{
		"domain not found", "domain * not found", "domain does not exist", "domain doesn't exist", "domain * not exist",
		"unknown domain", "domain unknown", "host unknown", "unknown host", "host not found", "host * not found",
		"hostname not found", "nxdomain", "unrouteable mail domain", "unroutable mail domain", "no mx record", "null mx",
		"nullmx", "no smtp service", "no mx found", "does not accept mail", "doesn't accept mail", "does not receive mail",
		"no host found", "name or service not known", "illegal host/domain", "domain lookup failed",
		"cannot find * domain", "domain * isn't", "not a valid domain", "domain name not found", "bad destination system",
		"bad destination host", "all relevant mx records point to non existent", "domäne * nicht", "domaine inconnu",
		"ドメインが",
	}},
	// Policies, and who may send to whom.
	{Blocked, []string{
		"policy", "policies", "recipient preferences", "prohibited", "prohibition", "administratively", "not authorized", "not authorised",
		"notauthorized", "unauthorized", "unauthorised", "permission", "restricted", "only accepts",
		"only accept mail from", "not permitted", "security reason", "sender * blocked", "blocked sender",
		"blocked the sender", "you have been blocked", "you are not allowed", "sender * not allowed", "blocked by",
		" relay ", " relaying ", "not local host", "not gateway", "not accepted from", "not accept mail from",
		"message refused", "moderat", "approval", "must be subscribed", "not a member", "only members", "subscribers only",
		"richtlinie", "politique", "politica", "política", "berechtigung", "autoris", "autoriz", "拒否",
	}},
	// What became of the connection, and of servers.
	{Soft, []string{
		"timed out", "timeout", "time out", "connection refused", "connection reset", "connection closed",
		"connection lost", "lost connection", "connection dropped", "unable to connect", "could not connect",
		"cannot connect", "couldn't connect", "can't connect", "connect to", "no route to host", "network error",
		"host is down", "not responding", "no answer", "did not respond", "unreachable", "retry time", "too long",
		"expired", "queue * hours", "queue * days", "could not be delivered for", "not be delivered within", "exhausted",
		"mail loop", "loops back", "loop detected", "loop count", "too many hops", "hop count", "too many received",
		"maximum hop", "system error", "internal error", "server error", "local error", "i/o error", "software error",
		"configuration error", "misconfigured", "unable to write", "cannot open", "can't create", "cannot create",
		"command died", "command failed", " pipe ", "exit status", "status code", "deferred", "error writing",
		"read error", "resources", " load ", "system not", "shutting down", "too busy", "too many connections", " tls ",
		"bad file", "lmtp", "maildir", " forwarding ", "syntax error", "unrecognized command", "command not",
		"protocol error", "bad sequence", "conversion", "8 bit", "8bit", "smtputf8", "non ascii",
	}},
}

// general words count where the numbers say nothing either.
var general = []rule{
	{Soft, []string{
		"address rejected", "recipient rejected", "suspended", "frozen", " locked", "gesperrt", "заблокирован", "停止",
		"service unavailable", "service not available", "account * blocked", "mailbox * blocked",
	}},
	{Blocked, []string{
		"denied", "blocked", "refused", "not accepted", "not allowed", "reject", "filter", "declined", "verweigert",
		"abgelehnt", "refusé", "rejeté", "rejete", "rechazad",
	}},
}

// sending is phrases about how and what we send. They outweigh a status, unless it says
// that there is no such address and the words do, too.
var sending = []string{
	// Block lists, and what they say of a network.
	"spamhaus", "spamcop", "barracudacentral", "sorbs", "uceprotect", "invaluement", "surbl", "uribl", "senderscore",
	"senderbase", "dnsbl", "dnswl", " rbl ", " cbl ", "blocklist", "block list", "blacklist", "black list", "denylist",
	"deny list", "blocked list", "blocked using", "listed at", "listed by", "is listed in", "are listed in",
	"ipcheck.proofpoint", "reputation", "schwarzen liste", "liste noire", "lista negra", "ブラックリスト",
	// Who we are: SPF, DKIM, DMARC, reverse DNS, HELO, the address in MAIL.
	"dmarc", "dkim", " spf ", " spf/", "sender policy framework", "sender id ", "domainkeys", "unauthenticated",
	"not authenticated", "failed authentication", "authentication failed", "authentication failure",
	"authentication checks", "authentication required", "authentication is required", "requires authentication",
	"smtp auth", "anti spoof", "antispoof", "spoofed", "spoofing", "starttls command first", "requires tls",
	"reverse dns", "rdns", " ptr ", "reverse lookup", "reverse host", "reverse mapping", "reverse resolution",
	"no reverse", "cannot find your hostname", "find your reverse", "invalid dns mx", "helo command rejected",
	"invalid helo", "helo name", "helo access denied", "mismatches client ip", "ip name lookup failed",
	"invalid ip for sending", "unverifyable sending ip", "sender rejected", "sender denied", "sender verify failed",
	"sender verification", "invalid sender", "bad sender", "unknown sender", "sender unknown", "sender domain",
	"domain of sender", "sender's domain", "sender's address", "address of sender", "envelope sender",
	"sender address", "from address * not allowed", "bad return path", "mail from address", "domain in from",
	"from domain", "from header", "from field", "absenderadresse", "absender * abgelehnt",
	// What we send: spam, viruses, attachments, words.
	" spam ", " spams ", " spammer", " spamming ", " spammy ", " antispam ", "spamassassin", "unsolicited",
	"bulk mail", "bulk email", " junk ", " uce ", " ube ", "suspicious", "phish", "malware", " virus", "infected",
	" trojan", "malicious", "content rejected", "message content", "content restriction", "content filter",
	"contenttype", "offensive", "forbidden attachment", "attachment * not allowed", "attachment * blocked",
	"attachment type", "banned", "unerwünscht", "werbemail", "indésirable", "indesirable", "pourriel",
	"correo no deseado", "迷惑メール", "スパム", "ウイルス", "ウィルス", "спам", "spamu",
	// How much, and from where.
	"complaint", "rate limit", "ratelimit", "rate is limited", "sending rate", "sending limit", "sent too many",
	"too many messages from", "too many mails from", "too many emails from", "too many connections from",
	"too many concurrent", "too many sessions", "too much mail from", "too fast", "frequency limit", "too quickly",
	"unusual rate", "unexpected volume", " abuse", "throttl", "your ip", "sending ip", "your network",
	"ip address * blocked", "client host", "host * access denied", "access denied * ip", "ip * not allowed",
	"ip * rejected", "connection rejected by policy", "ask your postmaster for help", "blocked for",
	"temporarily blocked", "too many recipients * hour", "daily * limit", "hourly limit", "daily * quota",
	"relay quota", "messages from * weren't sent", "unwanted messages", "part of their network", "recipient preferences",
}

// busy is phrases about a mailbox that gets too many messages just now.
var busy = []string{"receiving mail at a rate", "receiving mail too quickly", "too many messages", "too quickly", "try again later", "temporar"}

// dead is phrases that say there is no such address.
var dead = []string{
	"user unknown", "unknown user", "unknown recipient", "recipient unknown", "address unknown", "unknown mailbox",
	"unknown account", "unknown local part", "unknown local user", "unknown or illegal alias",
	"unknown destination address", "unknown email", "unrouteable address", "unroutable address", "no such user", "unknown here", "never registered", " sconosciut", "usuário inexistente", "нет такого", "doesnt exist", "nicht vorhanden",
	"no such recipient", "no such mailbox", "no such address", "no such account", "no such person",
	"no such local user", "no such email", "no such domain", "no such host", "nosuchuser", "no mailbox",
	"no account by that name", "no user ", "no known user", "no local mailbox", "no one by", "not our customer",
	"isn't our customer", "nonexistent", "non existent", "non existing", "user not found", "user not known",
	"user is not found", "user was not found", "recipient not found", "recipnotfound", "recipient * not found",
	"mailbox not found", "mailbox * not found", "address not found", "account not found", "account * not found",
	"wasn't found at", "could not be found", "couldn't be found", "couldn't find", "not found in * directory",
	"not listed in", "not in directory", "address * not found", "user * unknown", "doesn't exist", "not exist",
	"invalid final delivery userid", "doesn't have * account", "does not have * account", "not a valid user",
	"not a valid mailbox", "not a valid recipient", "not a valid address", "not a valid email", "not a known user",
	"not a user", "isn't a valid", "address is not valid", "recipient is not valid", "user is not valid",
	"mailbox is not valid", "recipient * is not valid", "not valid recipient", "is not a local user", "is not known",
	"not known at this site", "not known here", "name is not recognized", "recipient * not recognized",
	"user not recognized", "address not recognized", "user not recognised", "invalid recipient", "invalid user",
	"invalid mailbox", "invalid address", "invalid email address", "invalid account", "recipient is invalid",
	"recipient invalid", "recipient * invalid", "address is invalid", "address invalid", "illegal user",
	"illegal recipient", "bad recipient", "bad destination mailbox", "bad address", "bad mailbox", "incorrect address",
	"incorrect recipient", "not in * recipient table", "not in virtual",
	"addressee unknown", "no valid recipients", "mailbox unavailable", "mailbox is unavailable",
	"mailbox not available", "not a mailbox", "undeliverable address", "undeliverable mailbox",
	"local configuration error user", "unable to find user", "unable to find recipient", "unable to find mailbox",
	"cannot find user", "can't find user", "unbekannter empfänger", "empfänger * unbekannt", "empfänger unbekannt",
	"empfaenger unbekannt", "adresse * unbekannt", "existiert nicht", "benutzer unbekannt", "nicht gefunden",
	"destinataire inconnu", "destinataire invalide", "destinataire * invalide", "utilisateur inconnu",
	"adresse inconnue", "adresse * inconnue", "n'existe pas", "adresse * invalide", "boîte * inexistante",
	"boite * inexistante", "introuvable", "no existe", "usuario desconocido", "destinatario desconocido",
	"dirección desconocida", "no se encontró", "no se ha encontrado", "dirección * inválida", "non esiste",
	"utente sconosciuto", "inesistente", "não existe", "usuário desconhecido", "bestaat niet", "onbekende gebruiker",
	"onbekend adres", "nie istnieje", "nieznany", "не существует", "не найден", "неизвестный получатель", "finns inte",
	"見つかりません", "存在しません", "存在しない", "リストにありません", "不明なユーザ", "宛先不明", "あて先不明", "用户不存在",
}

// former is phrases that say there was such an address.
var former = []string{
	"mailbox disabled", "mailbox is disabled", "mailbox has been disabled", "mailbox * disabled", "mailbox inactive",
	"account disabled", "account is disabled", "account has been disabled", "account * disabled",
	"account * discontinued", "disabled user", "user disabled", "user is disabled", "recipient disabled",
	"disabled recipient", "disabled mailbox", "disabled address", "disabled account", "address is disabled",
	"recipient is disabled", "account closed", "has closed", "account is closed", "account has been closed", "account * closed",
	"mailbox closed", "account * terminated", "user is terminated", "account * deleted", "mailbox * deleted",
	"address * deleted", "account * removed", "mailbox * removed", "account expired", "account * expired",
	"account * deactivated", "mailbox * deactivated", "account inactive", "inactive user", "inactive account",
	"account * inactive", "due to inactivity", "account not active", "user not active", "mailbox not active",
	"is not active", "inactive recipient", "account is inactive", "mailbox is inactive", "user is inactive",
	"recipient is inactive", "mailbox currently suspended", "no longer exists", "no longer valid", "no longer in use",
	"no longer active", "mailbox * no longer available", "address * no longer available",
	"user is no longer available", "no longer accepts mail", "no longer accepting mail", "no longer works",
	"no longer with", "no longer employed", "no longer on server", "no longer at", "not used anymore", "has moved",
	"user moved", "moved to a new address", "user has left", "has left the", "désactivé", "desactive", "deaktiviert",
	"konto * geschlossen", "postfach * geschlossen", "adresse * nicht mehr", "postfach * nicht mehr",
	"empfänger * nicht mehr", "n'est plus valide", "n'est plus acti", "n'est plus utilis", "desactivad",
	"cuenta * cancelad", "conta * cancelad", "disattivat", "отключен",
}
