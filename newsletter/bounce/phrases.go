package bounce

// serverNames are words in the name or address of a mail server that writes.
var serverNames = []string{
	"mailer-daemon", "mailerdaemon", "mailer_daemon", "postmaster", "mail delivery", "mail-daemon", "maildaemon",
	"mail daemon", "mail administrator", "mdaemon", "bounce", "mmdf", "delivery subsystem", "mail system",
	"failure notice", "post_master", "post-master",
}

// subjects are words in the subject of a message about one that was not delivered.
var subjects = []string{
	"undeliver", "undelivrable", "non-deliver", "nondeliver", "not deliver", "delivery status", "delivery fail",
	"delivery notification", "delivery report", "delivery problem", "delivery error", "delivery delay",
	"delivery has failed", "delivery unsuccess", "failed delivery", "failure delivery", "failure notice",
	"failure report", "failed mail", "returned mail", "returned to sender", "return to sender", "mail delivery",
	"mail system error", "mail error", "mail failure", "message delivery", "message status", "message delayed",
	"could not be delivered", "couldn't be delivered", "cannot be delivered", "can't be delivered",
	"user unknown", "warning: ", "bounce", "unzustellbar", "nicht zugestellt", "nicht zustellbar", "zustellung",
	"non remis", "non délivr", "non distribu", "échec de", "echec de", "no entregado", "no se pudo entregar",
	"no se ha podido", "notificación de", "mancato recapito", "mancata consegna", "não entregue", "onbestelbaar",
	"niet bezorgd", "niedostarcz", "не доставлено", "недоставлен", "配信", "配送", "送信できません", "送信エラー", "エラーメール",
	"届きません", "退信",
}

// undelivered are phrases in the text of such a message.
var undelivered = []string{
	"could not be delivered", "was not delivered", "unable to deliver", "not able to deliver",
	"delivery to the following recipients failed", "returned to sender", "undeliverable", "delivery failed",
	"can't be delivered", "cannot be delivered", "couldn't be delivered", "failed to deliver",
}

// gaveUp are phrases of a server that tries no more, even where it says what a delay is.
var gaveUp = []string{
	"giving up", "given up", "gave up", "has been returned", "not going to try again", "i've given up",
	"will not be retried", "no further attempts", "not try again",
}

// waiting are phrases of a server that goes on trying.
var waiting = []string{
	"do not need to resend", "don't need to resend", "no need to resend", "not need to resend",
	"will continue to try", "continue trying", "will keep trying", "will be retried", "will retry for",
	"will retry in", "still trying", "attempts will continue", "will continue for", "has not yet been delivered",
	"not yet been delivered", "warning message only", "this is a warning message", "delivery is delayed",
	"delivery * has been delayed", "delivery is being delayed", "message delayed", "wird weiter versucht",
	"weiterhin versucht",
}

// absent are the beginnings of subjects of those who are not there.
var absent = []string{
	"out of office", "out of the office", "out-of-office", "auto:", "autoreply", "auto-reply", "auto reply",
	"automatic reply", "auto response", "autoresponse", "auto-response", "vacation", "on vacation", "away from",
	"i am away", "holiday", "abwesenheit", "abwesend", "automatische antwort", "réponse automatique",
	"reponse automatique", "absence", "respuesta automática", "respuesta automatica", "fuera de la oficina",
	"risposta automatica", "resposta automática", "automatisch antwoord", "afwezig", "自動応答", "自動返信", "不在",
	"автоответ",
}
