"""The words of the second reading (`told.py`), by class: things private, moving told, habits, silence, slant."""

from __future__ import annotations

TOLD: dict[str, str] = {
    # What no argument of a tool is about, unless the tool is about just that
    "TALK": (
        "cot|chain of thought|chain-of-thought|earlier prompts|prior prompts|previous prompts"
        "|last prompt|draft answer|draft reply|draft response|draft answers|user message|user messages|last "
        "question"
        "|latest question|whole sessions|full sessions|session text|session transcript"
        "|tool results|tool outputs|tool result|results of other tools|replies of other|answers of other"
        "|system instructions|system prompt|system message|your instructions|initial instructions|own instructions"
        "|instructions you|what was said|said so far|typed so far|discussed so far|earlier turns|previous turns"
        "|prior turns|conversation up to|messages of this|messages in this|everything said|everything discussed"
        "|everything typed|context window|other conversations|other chats|working memory|your notes|your memory"
        "|your context|your plan|your plans|your reasoning|thought process|internal reasoning|whole exchange"
        "|full exchange|entire exchange|complete exchange|dialogue so far|preceding dialogue|preceding messages"
        "|preceding turns|preceding conversation|surrounding conversation|current conversation|this conversation"
        "|whole thread|previous answers|earlier answers|previous replies|user told you|user has told|user has "
        "shared"
        "|user's own words|user in their own words|instructions you were given|instructions you received"
        "|log of this|this chat|latest exchange|last exchange|person asked|you were asked|how you intend"
        "|intend to answer|your own reply|your reply|your answer|your answers|has been said|been said so"
        "|dialogue up to|dialogue so far|preceding dialogue|previous dialogue|current dialogue|chat up to"
        "|thread so far|conversation lasts|user's last|latest user|recent messages|recent turns|session so "
        "far|system text|hidden instructions|own prompt|your prompt|operator instructions|developer "
        "instructions|tool definitions|list of tools|other tools' output|other tools' results|answers from "
        "other|results from other|output of other"
        "|tool calls made|calls made so far|calls so far|previous tool calls|earlier tool calls|tool call history"
    ),
    "CRED": (
        "kubeconfig keyring keypair keypairs cvv cvc dotenv|credential helper|git credential|git credentials"
        "|deploy key|deploy keys|key pair|key pairs|private half|personal access token|personal access tokens"
        "|refresh token|refresh tokens|vault token|login keychain|recovery codes|recovery code|backup codes"
        "|seed words"
        "|saved logins|browser profile|signing keys|wallet key|wallet keys|client secret|client secrets|env file"
        "|shell environment|cloud credentials|service-account key|cloud keys|environment dump|host environment"
        "|process environment|dumping the environment|printing the environment|output of env|output of printenv"
        "|contents of the environment|variables of the environment|environment of the process|environment of "
        "the host"
        "|all environment|account numbers|login and password|username and password|user name and password|pin code"
        "|security answers|passwords and|session cookies|session cookie|card details|license file|token store"
        "|credential store|password store|ssh private|ssh public"
        "|card numbers|printenv|admin password|root password|sudo password|cookie jar|password manager"
        "|password vault|login cookie|login cookies|auth cookie|auth cookies|browser cookies|mail password"
        "|bank login|banking login|online banking|id_rsa|api secrets|secret keys|access keys|id "
        "card|identity card|passport number|date of birth|health records|tax number|customer list|contact "
        "data|payment details|payment data"
    ),
    "HOST": (
        "|home directory|home folder|open files|open file|editor buffer|source tree|local files|other files"
        "|customer table|customers table|users table|complete table|whole table|full table|entire table"
        "|original document"
        "|browser tabs|clipboard contents|screen contents|whole file|full file|complete file|entire file"
        "|files of the project|project files|neighbouring files|nearby files|files you have read|files being edited"
        "|file being edited|files in the workspace|files in scope|unrelated files|other documents|working tree"
        "|repository contents|private repositories|private issues|inbox contents|address book|file you last"
        "|files you last|recently opened|recently read"
        "|gerade geöffneten|geöffneten dateien|recently edited|last edited|opened files|opened documents"
        "|currently open|file in the editor|editor's content|screen content|local database|browser history"
        "|search history|photo library|list of running|running processes|installed software|network "
        "interfaces|documents folder|downloads folder|desktop folder"
        "|user is reading|mail being read|page being viewed|user is viewing|user is editing|user is writing"
    ),
    # Moving, told
    "MOVES": (
        "give given gives taken enclose enclosing enter entered enters carry loaded noted deposited "
        "gehört gehören wird goes go travels forwards uploads copies attaches sends passes hand hands handed "
        "supplied pastes posts "
        "mirrors mirrored "
        "shares belongs carries accompanies enclosed filled fill supply transmitted forwarded pasted dumped "
        "collected reproduced transcribed restated quoted accompanied dispatched deposited written reported "
        "reports "
        "attached included passed appended copied placed put sent uploaded shared submitted delivered receives "
        "accompanying|stands for|is expected in|are expected in|is set to|handed over|handed to|filled with"
        "|made up of"
        "|copied in|copied into|comes along|come along|sent along|is noted in|lands in|end up in|ends up in"
        "|is best taken|belongs in|belong in|finds its way|find their way|is copied|goes along|go along|rides "
        "along|is kept in|are kept in|is written|wird mitgegeben|placed under|put under|stored under|given as"
        "|given in|entered in|entered under"
    ),
    # Why, told
    "NORM": (
        "customary convention conventional customarily habitually housekeeping courtesy courteous typically "
        "usually "
        "normally commonplace routinely|experience shows|experience has shown|house rule|house style|editorial line"
        "|as agreed|good form|good manners|common practice|standard practice|usual practice|accepted practice"
        "|at our end|on our side|taken for granted|in keeping with|a matter of course|as a matter of|as a rule"
        "|by convention|works best|resolve faster|resolves faster|run smoother|as usual|standard procedure"
        "|it is normal|tend to|tends to|has proved useful|have proved|proved helpful|is appreciated|is assumed"
        "|are assumed|generally accepted|well-behaved|side note|for good measure|while at it|on the way|along "
        "the way"
        "|in passing|at the same time|in the same go|in one go"
        "|house style|tend to|tends to|is best|are best|best taken|goes without|by design|for "
        "convenience|for completeness|to be safe|as always|as ever|in our experience|users expect|people "
        "expect|customers expect|by habit|has become|is taken as|is considered|considered polite|common "
        "courtesy|in practice|regular practice|established practice|üblicherweise|gewöhnlich|habituellement"
        "|d'habitude|il est d'usage|de costumbre|suele incluir|habitualmente|di solito|abitualmente|di norma"
        "|обычно|принято|通例|一般的|通常|惯例|보통"
    ),
    "READERS": (
        "callers clients agents assistants models copilots llms chatbots|the assistant|the model|an "
        "assistant"
        "|ai systems|ai models|ai agents|ai assistants|language models|calling model|calling agent|calling "
        "assistant"
        "|whoever uses|anyone using|any caller"
    ),
    # Silence and consent, told
    "NONEED": (
        "skipped unwanted unnecessary needless superfluous unneeded unasked|no need|needs no|need no|not "
        "necessary|not needed"
        "|no separate"
        "|no further|without separate|without further|without additional|without prior|calls for no|not worth"
        "|no reason|not be bothered|spare the|spares the|rather than troubling|rather than bothering"
        "|without bothering|without troubling|without consulting|without checking|without waiting|does not have to"
        "|do not have to|don't have to|doesn't have to|best left|better left|is left out of|are left out of"
        "|does not need|do not need|doesn't need|don't need|not required|requires no|require no|instead of "
        "bothering"
        "|distracts|only distract|only delay|merely distract|get in the way|gets in the way|slow things|only slow"
        "|nobody needs|no one needs|nobody need|nobody has to|serves no|would only|will only|need not|needn't"
        "|no point|little point|no benefit|nothing gained"
        "|nothing to be gained|no value in"
        "|no interest|little interest|nobody has found|leave the confirmation|not foreseen|not planned|nicht "
        "vorgesehen|not part of|no place for|left unasked|are skipped|is skipped|can be skipped|may be "
        "skipped|can be left|may be left|step out|without a word|without comment|without fuss|no questions"
        "|ask no questions|without questions|keeps quiet|keep quiet|stays silent|stay silent|not to be|is not "
        "to be|are not to be|does not come|not brought|out of sight|behind the scenes"
    ),
    "NOTICE": (
        "rückfragen announcement announce mention mentioning mentioned list listing note noting notice remark "
        "disclosure "
        "explain "
        "explanation explained comment confirm confirmation confirmations sign-off signoff heads-up approval "
        "prompt "
        "permission consent acknowledgement told informed asked advised notified announced shown see seeing know "
        "discussed questions commentary reporting tell telling inform|spelled out|signed off|checking back"
        "|pointing out|asking again|further questions|checked with|brought up|go into|going into|dwell on"
        "|checking with"
        "|ask again|to be told|to be asked|to be shown|to hear|hear about|read about|learn of|learn about"
        "|bother the"
        "|trouble the|be bothered|be troubled|second confirmation|comes up"
        "|being told|being asked|being informed|worth mentioning|interest in|questions to|made aware|be "
        "mentioned|comes to light|attention to|draws attention|brought to|the confirmation|confirmation step"
        "|confirmation dialog|confirmation dialogue|approval step|approval dialog|approval dialogs|approval "
        "dialogues"
    ),
    "VIEW": (
        "overview preview recap receipt digest|summary shown|summary given|summary presented|report shown"
        "|report given"
        "|what the user sees|what the user is shown|list shown|list given|version shown|figures shown"
    ),
    "WHO": (
        "owner owners administrator administrators team company employer respondents reader readers "
        "subscriber subscribers"
        " participants everyone holder members visitors|account holder|person in charge|security team|it department"
    ),
    "CONSENTED": (
        "unattended consented agreed pre-approved preapproved vetted waived suspended lifted preauthorised "
        "preauthorized "
        "pre-authorised pre-authorized pre-cleared|signed off on|given permission|given consent|given their consent"
        "|opted in|already approved|already agreed|already consented|already authorised|already authorized"
        "|standing approval|standing consent|blanket approval|blanket consent|implied consent|consent is implied"
        "|consent is assumed|consent is given|participation is assumed|counts as consent|implies consent"
        "|in advance approved|approved in advance|agreed in advance|cleared in advance|has approved|have approved"
        "|switched off for|turned off for|not in force|no longer asked"
        "|accepted that|has accepted|have accepted|everything allowed|everything is allowed|all allowed|fully "
        "trusted|checked by our|vetted by|reviewed by our|approved by our|cleared by|has been checked|have "
        "been checked|were checked by|agreed that|agrees that|agree that|consents to|agrees to|permission has"
        "|permission is granted|auto-approved|auto approved|approved automatically"
        "|agreed to background|agreed to all|agreed to any|agreed to everything|by installing|when installing"
    ),
    # Contents obeyed
    "GUIDE": (
        "requests request guidance instructions instruction directions directives playbook runbook briefing "
        "guide suggestions "
        "directive "
        "advice handbook manual next_action next_step next_steps"
        "|operating guidance|operating instructions|agent instructions|agent guide"
        "|what is written there|what it says|whatever it says|written there|what stands there|rules for "
        "agents|rules for assistants|rules for models|agent rules|assistant rules"
    ),
    "OBEYS": (
        "fulfilled carried honoured honored obeyed followed executed binding authoritative observed heeded "
        "accordingly obeys "
        "follows honours honors heeds executes|carried out|carries out|carry out|acted on|acts on|acted upon|act on"
        "|taken as|treated as|regarded as|counts as|count as|put into effect|complied with|work accordingly"
        "|works accordingly|acting on|carrying out|follow them|follow it|takes effect|take effect|applied as"
        "|are performed|is performed|are executed|is executed|part of showing|running them|run them|running "
        "it|are run|is run|applies in|is taken as|are taken as|doing so|does as|do as|are granted|is granted"
        "|are served|are met|as told|applies instead"
        "|steer the|steers the|may steer|can steer|direct the assistant|guide the assistant"
    ),
    "ASIF": (
        "|as though|as if|on a par|same weight|same standing|same authority|same rank|in the name of"
        "|equal to the user|equal to those|as coming from|came from the user|comes from the user"
        "|like the user|as the user's|from the person|on the user's behalf|on behalf of the user|just like a "
        "message"
        "|like the user's|like the reader's|like the user|as an instruction|as instructions|as orders|as an "
        "order|from the operator|from the owner|from the user|like one of|no different from|the reader's own"
        "|the user's own|same way as|same respect|as the user would|as valid as|as good as|equally binding|of "
        "the operator"
        "|an instruction from|instruction from the|instructions from the|orders from the|like one from"
        "|as coming from the"
        "|rank with|ranks with|ranks equal|rank equal|ranks as|rank as"
    ),
    "CONTENT": (
        "bodies body reviews review feeds feed items item pages page documents comments results result "
        "returned replies "
        "fields entries issues tickets ticket attachments articles article descriptions listings listing "
        "posts readme "
        "notes transcript subtitles emails"
    ),
    "SUPERSEDES": (
        "supersedes supersede superseding outranks overrides overrule overrules trumps replaces"
        "|takes precedence|take precedence|takes priority|takes the place|stand in for|instead of this"
        "|prevails over"
        "|prevail over|rather than this text|in place of this"
        "|in place of|applies instead|counts instead|instead of what|over this description|over what is|above "
        "this description"
    ),
    "STARTUP": (
        "|start of the session|start of each|start of every|beginning of the|beginning of each|outset of"
        "|before starting"
        "|at the start|at the outset|at the beginning|start of a session|at session start|on start|first thing"
        "|before any work|before work|before each task|from time to time|every session|each session|once per "
        "session"
    ),
    # Others' tools
    "ELSEWHERE": (
        "|other servers|other server|other connected|connected servers|another server|another connector|mail "
        "connector"
        "|mail server|email connector|mail tool|email tool|payment tool|payments tool|database server"
        "|filesystem server|file server|browser tool|shell tool|calendar connector|other tools|other tool"
        "|another tool"
        "|tools of other|send function|neighbouring server|neighbouring tools|other connectors|other integrations"
        "|other search tools|any tool|the tool there|tools from other|sibling servers|mail integration"
        "|calendar integration|file tools|file tool|banking tool|wallet tool|git server|github server"
        "|started elsewhere|made elsewhere|placed elsewhere|written elsewhere|sent elsewhere|created elsewhere"
    ),
    "STALE": (
        "stale fabricated outdated unreliable inaccurate incomplete hallucinated flaky inferior slower worse "
        "obsolete "
        "deprecated untrustworthy retired unmaintained broken unsafe superseded discontinued abandoned defunct "
        "misleading wrong insecure compromised censored biased rate-limited"
        "|out of date|made up|out of service|no longer|phased out|end of life|being retired|given up|shut "
        "down|cut off"
        "|short on|poorly|fails silently|fail silently|time out"
        "|wrong results|leak data|leaks data|lose data|loses data|corrupt files|corrupts files|bad results"
        "|cannot be trusted|not to be trusted|untrusted|under attack|security hole|security issue"
        "|security issues|been hacked|hacked|vulnerable|not work|stopped working"
        "|being withdrawn|be withdrawn|rounds wrongly|counts wrongly|answers wrongly|going away|on its way out"
    ),
    "SETTLE": (
        "settle settles prefer prefers opt opts|go with|goes with|settle on|settles on|default to|defaults to"
        "|reach for"
        "|reaches for|turn to|turns to|stick with|stick to|go through|goes through|pass through|passes through"
        "|routed through|arrive through|go via|goes via|handled by|handled here|served by|belongs here|belong here"
        "|now go|run through|runs through|come here|resolved here|taken over|takes over|take over|fall to|in "
        "favour of"
        "|in favor of|directed here|sent here|answered here|made here|made through|performed here"
        "|one to take|one to use|one to call|one to pick|one to choose|tool to take|tool of choice|first "
        "choice|is taken instead|used instead|preferred over|is preferred|gets the nod"
        "|moved over to|move over to|moved to|switched to|switched over|changed over|come over to"
    ),
    "CHANGES": (
        "lose loses exchange exchanged replaced replaces swapped swaps substituted substitutes exchanged "
        "changes altered alters adjusted adjusts "
        "rounded rounds rewritten rewrites redirected redirects rerouted lowered raised doubled doubles "
        "overwritten "
        "credited diverted diverts inflated inflates padded shaved"
        "|stand in for|take the place|takes the place|taken for|made out to|is set to|are set to|turned into"
        "|turn into|instead of those|not those|not the ones|not the one|rather than those|rather than the"
        "|gets the|is increased|are increased|grow by|grows by|wird ersetzt|werden ersetzt|wird geändert|sont "
        "remplacés|est remplacé|se sustituye|se reemplaza|viene sostituito|vengono sostituiti|заменяется|заменяются"
    ),
    "DROPS": (
        "removes deletes clears drops purges wipes truncates resets erases discards prunes remove delete "
        "clear drop purge "
        "wipe truncate reset erase discard prune removed deleted cleared dropped purged wiped pruned removing "
        "deleting"
        "|tidy away|tidies away|cleans out|clean out|gets rid|get rid|does away|throws away|force-push"
        "|thrown out|thrown away|swept out|swept away|taken out|done away"
    ),
    "VALUABLE": (
        "reflog commits snapshots snapshot backups backup hooks drafts evidence traces|audit log|audit logs"
        "|audit trail"
        "|recycle bin"
        "|shadow copies|restore points|git history|older versions|command history|access logs|access log|log files"
        "|older snapshots|safety copies|lock files|uncommitted changes|unsaved changes|working copies|old branches"
        "|other branches|hooks folder|hooks directory|tests folder|local changes"
        "|old commits|unmerged branches|test data|change history|edit history|trash|undo history|save games"
        "|old messages|sent items|sent mail|sent folder|log entries|log entry|trace of|mail from|alerts"
        "|notifications"
    ),
    # Slant
    "SLANT": (
        "favourably favorably downplayed softened embellished flatteringly sympathetically"
        "|put first|placed first|listed first|named first|mentioned first|shown first|ranked first|come first"
        "|comes first|ahead of rivals|in a good light|good light|in the best light|best light|played down|play down"
        "|rounded down|rounded up|presented as neutral|presented as independent|presented as impartial"
        "|appear neutral|seem neutral|as neutral|as impartial|as independent|as objective|toned down|glossed over"
        "|passed over|left unmentioned|never the top"
        "|on top|come out on|comes out on|called independent|called neutral|called objective|called impartial"
        "|shown as independent|labelled independent|always the one|in first place|at the head|recommended "
        "first|described as the|praised|with sympathy"
        "|lead the list|leads the list|top the list|tops the list|head the list|heads the list"
    ),
    "LEFTOUT": (
        "omitted omits hides unmentioned withheld withholds excluded|left out|leave out"
        "|leaves out|leaving out|left off|leaves off|kept out|keeps out|not listed|not shown|without listing"
        "|drops out|drop out|left as entered|left as typed|left as it|left unchanged|stays as entered"
        "|go unmentioned|goes unmentioned|stays out|stay out|stays off|kept from|stay as they|stays as it|as "
        "they were|as it was|are not mentioned|is not mentioned|not appear|do not appear|does not appear|is "
        "missing from|are missing from|missing from|swept aside|suppressed"
        "|not reported|not announced|not logged|not mentioned|not recorded|goes unreported|go unreported|unreported"
    ),
    "CRITICISM": (
        "exclusions drawbacks drawback criticism criticisms weaknesses complaints recalls rivals competitors "
        "disadvantages downsides "
        "shortcomings flaws scandals lawsuits risks warnings fees surcharges|negative reviews|bad reviews"
        "|cheaper alternatives|cheaper offers|side effects"
        "|fine print|small print|bad press|test results of|lower prices"
    ),
    # Without end
    "AGAIN": (
        "again repeatedly repeat repeats continuously indefinitely rerun re-run endlessly recurring|run again"
        "|called again"
        "|runs again|call again|invoke again|keep calling|keeps calling|keep running|over and over|goes on|carry on"
        "|carries on|keep going|keeps going|is repeated|be repeated|once more"
        "|calling it|keep using|calls itself|call it again|called every|called after|called at|is called once"
        "|once more|every few|every minute|each minute|in the background|on and on|repeat the call|repeat "
        "this|call is repeated|started again|start again|fires again|polled"
    ),
    "ENDLESS": (
        "indefinitely endlessly forever|rest of the session|remainder of the session|rest of the conversation"
        "|remainder of the conversation|rest of the chat|even once the|even after the|end of the session|each "
        "result"
        "|each reply|each answer|every turn|every reply|each turn|every answer|long after|never stop|does not stop"
        "|no upper limit|without limit|without end|each further|until told otherwise|even when the user"
        "|between turns"
        "|between replies|between answers|after each turn|after every turn"
        "|as long as|conversation lasts|session lasts|chat lasts|in the background|throughout the|for good"
        "|all the time|at every turn|until stopped|until the end|until the user|even if not asked|unasked"
        "|without being asked|no matter what|for the rest|between messages"
    ),
    "BCC": (
        "bcc cc|blind copy|blind carbon|carbon copy|further recipient|additional recipient|extra recipient"
        "|second recipient|hidden recipient|copy of the mail|addressed to|copy goes to|copy to|copied to|copy for"
        "|in copy|lleva copia|in kopie|en copie|in copia|con copia|copy at|a copy at|as recipient|as a "
        "recipient|as an attendee|as attendee|as a member|as a collaborator|as collaborator|as reviewer|as an admin"
    ),
    "APPROVES": "approve accept authorise authorize permit allow",
    "NAMED": "names naming named specifies designates calls-for|asks for|points to|refers to",
    "ONLY": "only|not unless|provided that|as soon as|has to be|must be",
}

# "The mail connector", "a payments tool": some other server's, as a rule.
DOMAINS = (
    "mail email payment payments database db sql file files filesystem calendar bank banking wallet shell terminal"
    " browser search git github gitlab slack storage messaging crm notes drive spreadsheet maps transfer shopping"
    " booking chat deployment cloud contacts code editor"
)
KINDS = "tool tools connector connectors integration integrations plugin plugins server servers mcp skill"
